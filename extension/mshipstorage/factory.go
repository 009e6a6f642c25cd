// Package mshipstorage is a storage extension for a box whose power is cut,
// whose disk fills and whose flash wears. It is made for the collector's
// persistent queue, and serves any component.
package mshipstorage

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/metadata"
)

// NewFactory makes the factory of the extension type mship_storage.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		metadata.Type,
		func() component.Config { return createDefaultConfig() },
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return &storageExtension{cfg: cfg.(*Config), set: set}, nil
		},
		metadata.ExtensionStability,
	)
}
