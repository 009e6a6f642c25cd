package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

var errDisk = errors.New("input/output error")

// notebook is a set on a storage in memory, as one run of the exporter has it.
type notebook struct {
	t      *testing.T
	disk   *storagetest.Storage
	client storage.Client
	set    *seen.Set
}

func open(t *testing.T, disk *storagetest.Storage) *notebook {
	t.Helper()
	client, err := disk.GetClient(t.Context(), component.KindExporter, storagetest.ID, "logs")
	require.NoError(t, err)
	set, err := seen.Open(t.Context(), client, seen.Settings{Name: "batches", Window: time.Hour, MaxKeys: 1000})
	require.NoError(t, err)
	return &notebook{t: t, disk: disk, client: client, set: set}
}

func (n *notebook) close() {
	assert.NoError(n.t, n.set.Close(context.Background()))
	assert.NoError(n.t, n.client.Close(context.Background()))
}

// cut is what a power cut leaves, opened by the next run.
func (n *notebook) cut() *notebook { return open(n.t, n.disk.Copy()) }
