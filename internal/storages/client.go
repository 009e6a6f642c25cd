// Package storages finds the storage that an extension is set to use.
package storages

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Client gives the extension self its client of the storage extension id, to be
// closed. Its errors say what to do about the setting `storage`.
func Client(ctx context.Context, host component.Host, id, self component.ID) (storage.Client, error) {
	found, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("storage: there is no extension %q; define it under extensions and list it under service::extensions", id)
	}
	ext, ok := found.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: extension %q cannot store anything; use one such as mship_storage", id)
	}
	client, err := ext.GetClient(ctx, component.KindExtension, self, "")
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return client, nil
}
