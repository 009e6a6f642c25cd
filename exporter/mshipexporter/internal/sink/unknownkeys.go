package sink

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
)

// lenient are config types that decode by themselves but only into their own
// fields, and let what they do not know pass: a misspelt key in otlp_http
// starts without a word.
var lenient = map[reflect.Type]bool{reflect.TypeFor[confighttp.ClientConfig](): true}

// checkKeys names the first key that the user wrote and no field of the decoded settings takes.
func checkKeys(settings any, written map[string]any) error {
	return checkStruct(reflect.TypeOf(settings), written, "")
}

func checkStruct(t reflect.Type, written map[string]any, path string) error {
	t = dereference(t)
	if t.Kind() != reflect.Struct || decodesItself(t) {
		return nil
	}
	known := fields(t)
	for _, key := range sortedKeys(written) {
		field, ok := known[key]
		if !ok {
			return fmt.Errorf("unknown setting %q; there are: %s", path+key, strings.Join(sortedKeys(known), ", "))
		}
		below, ok := written[key].(map[string]any)
		if !ok {
			continue
		}
		if err := checkStruct(field, below, path+key+confmap.KeyDelimiter); err != nil {
			return err
		}
	}
	return nil
}

// fields maps each key of the struct to the type behind it; squashed structs are looked through.
func fields(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		switch {
		case strings.Contains(options, "squash"):
			for key, below := range fields(dereference(f.Type)) {
				out[key] = below
			}
		case !f.IsExported() || name == "-":
		case name == "":
			out[strings.ToLower(f.Name)] = f.Type
		default:
			out[name] = f.Type
		}
	}
	return out
}

func dereference(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func decodesItself(t reflect.Type) bool {
	return !lenient[t] && reflect.PointerTo(t).Implements(reflect.TypeFor[confmap.Unmarshaler]())
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
