// Package mshipconsole shows what the sinks of a ship's agent do: a page to look
// at, and the same as JSON. Exporters mount what they have to show under their
// name; the console looks after the network, the history and the forecast.
package mshipconsole

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/metadata"
)

// NewFactory makes the factory of the extension type mship_console.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		metadata.Type,
		func() component.Config { return createDefaultConfig() },
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return newConsole(cfg.(*Config), set), nil
		},
		metadata.ExtensionStability,
	)
}
