// Package mshiplink is the uplink's byte budget, shared by all who send over it: a client
// middleware over HTTP and gRPC that counts and paces every byte that leaves.
package mshiplink

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/metadata"
)

// NewFactory makes the factory of the extension type mship_link.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		metadata.Type,
		func() component.Config { return createDefaultConfig() },
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return &Link{cfg: cfg.(*Config), set: set}, nil
		},
		metadata.ExtensionStability,
	)
}
