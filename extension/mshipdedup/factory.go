// Package mshipdedup is a server middleware that takes every request once: one
// whose idempotency key was taken before is answered with success and goes no
// further. It is made for the otlp receiver, over HTTP and gRPC.
package mshipdedup

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipdedup/internal/metadata"
)

// NewFactory makes the factory of the extension type mship_dedup.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		metadata.Type,
		func() component.Config { return createDefaultConfig() },
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return &dedupExtension{cfg: cfg.(*Config), set: set}, nil
		},
		metadata.ExtensionStability,
	)
}
