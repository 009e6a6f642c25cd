package sink

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// takeOver turns off in the decoded settings what the chain does itself: the
// sink's queue, its retries and, where the probe can listen, its timeout. It
// works on the struct, not on the YAML, so that it has surely taken. It tells
// whether the probe is in.
func takeOver(settings component.Config, probe component.ID) (probed bool, err error) {
	v := reflect.ValueOf(settings)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return false, fmt.Errorf("its settings are a %T, which mship cannot look into", settings)
	}
	probed, err = addProbe(v.Elem(), probe)
	if err != nil {
		return false, err
	}
	if err := turnOff(v.Elem(), "sending_queue"); err != nil {
		return false, err
	}
	if err := turnOff(v.Elem(), "retry_on_failure"); err != nil {
		return false, err
	}
	if probed {
		return true, turnOff(v.Elem(), "timeout")
	}
	return false, nil
}

func addProbe(v reflect.Value, probe component.ID) (bool, error) {
	f, ok := find(v, "middlewares")
	if !ok {
		return false, nil
	}
	list, ok := f.Addr().Interface().(*[]configmiddleware.Config)
	if !ok {
		return false, unknownKind("middlewares", f)
	}
	// Last, so that it is next to the wire and sees what the user's own middlewares made.
	*list = append(*list, configmiddleware.Config{ID: probe})
	return true, nil
}

func turnOff(v reflect.Value, key string) error {
	f, ok := find(v, key)
	if !ok {
		return nil
	}
	switch setting := f.Addr().Interface().(type) {
	case *configoptional.Optional[exporterhelper.QueueBatchConfig]:
		*setting = configoptional.None[exporterhelper.QueueBatchConfig]()
	case *configretry.BackOffConfig:
		setting.Enabled = false
	case *time.Duration:
		*setting = 0
	default:
		return unknownKind(key, f)
	}
	return nil
}

// compression is the setting of that name; nil where there is none that is one word.
func compression(settings component.Config) *string {
	f, ok := find(reflect.ValueOf(settings).Elem(), "compression")
	if !ok || f.Kind() != reflect.String {
		return nil
	}
	name := f.String()
	return &name
}

func unknownKind(key string, f reflect.Value) error {
	return fmt.Errorf("its setting %q is a %s, which mship does not know how to take over", key, f.Type())
}

// find looks a key up in the struct and in what is squashed into it.
func find(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		if strings.Contains(options, "squash") && v.Field(i).Kind() == reflect.Struct {
			if f, ok := find(v.Field(i), key); ok {
				return f, true
			}
			continue
		}
		if name == key && field.IsExported() {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}
