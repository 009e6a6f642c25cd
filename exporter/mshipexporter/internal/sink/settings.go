package sink

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Settings is the `sink` section: exactly one exporter with its own settings.
//
// They stay a confmap.Conf, which no log and no printed configuration shows:
// they can hold secrets.
type Settings struct {
	conf *confmap.Conf
}

// Unmarshal implements confmap.Unmarshaler.
func (s *Settings) Unmarshal(conf *confmap.Conf) error {
	s.conf = conf
	return nil
}

// Entry gives the exporter's id and its own settings.
func (s *Settings) Entry() (component.ID, *confmap.Conf, error) {
	var id component.ID
	if s.conf == nil || len(s.entries()) == 0 {
		return id, nil, errors.New("sink: name one exporter here, such as `otlp_http: {endpoint: http://shore:4318}`")
	}
	entries := s.entries()
	if len(entries) != 1 {
		return id, nil, fmt.Errorf("sink: exactly one exporter is wanted here, found %d (%s); give each its own mship/NAME", len(entries), strings.Join(entries, ", "))
	}
	if err := id.UnmarshalText([]byte(entries[0])); err != nil {
		return id, nil, fmt.Errorf("sink: %w", err)
	}
	conf, err := s.conf.Sub(entries[0])
	if err != nil {
		return id, nil, fmt.Errorf("sink: the settings of %s must be a map, such as `{endpoint: http://shore:4318}`", id)
	}
	return id, conf, nil
}

func (s *Settings) entries() []string {
	var names []string
	for name := range s.conf.ToStringMap() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
