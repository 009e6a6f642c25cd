package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
)

// smallStorage refuses new data after about a megabyte.
const smallStorage = `extensions: {mship_storage: {max_bytes: 1048576, compression: none}}`

func TestAFullStorageSendsClientsAwayUntilItDrains(t *testing.T) {
	t.Parallel()
	requireFullDiskIsSurvived(t, agent.Config{Overlay: smallStorage})
}

// Whoever prefers the stock storage has the same promise.
func TestAFullStockStorageSendsClientsAwayUntilItDrains(t *testing.T) {
	t.Parallel()
	requireFullDiskIsSurvived(t, agent.Config{Queue: agent.Queue{Storage: "file_storage"}, Overlay: `extensions: {file_storage: {max_size: 1048576}}`})
}

// The same with a disk that is really full: writes fail with ENOSPC. Mounting
// one takes root; without it the limit of the storage above has to do.
func TestAFullDiskSendsClientsAwayUntilItDrains(t *testing.T) {
	t.Parallel()
	disk := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.Mkdir(disk, 0o700))
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Logf("cannot mount a small disk: %v: %s", err, out)
		return
	}
	t.Cleanup(func() { // runs after the agent has ended
		out, err := exec.Command("umount", disk).CombinedOutput()
		assert.NoError(t, err, string(out))
	})
	requireFullDiskIsSurvived(t, agent.Config{Overlay: `extensions: {mship_storage: {directory: ` + disk + `, max_bytes: 4194304, min_free_bytes: 0, compression: none}}`})
}

// requireFullDiskIsSurvived: while the shore is down the storage fills, clients
// are sent away, and when it is back their retries are taken. A restart before
// that changes nothing.
func requireFullDiskIsSurvived(t *testing.T, cfg agent.Config) {
	t.Helper()
	const records = 120_000 // what is queued is compressed
	cfg.Breaker.OpenDuration = 2 * time.Second
	s := newScene(t, cfg)
	s.shore.Down()
	sent := s.send(load.Plan{Records: records})
	requireRefusals(s, "storage_full")
	before := s.ledger.AcknowledgedCount()
	require.Less(t, before, records/2, "the disk is not small enough to show anything")

	require.NoError(t, s.agent.Restart(), "on a full disk")
	requireRefusals(s, "storage_full")
	require.NoError(t, s.shore.Up())
	s.awaitDone(sent)
	s.awaitDrained()
	t.Logf("acknowledged before the heal: %d; refusals: %v", before, s.ledger.Answers())
	s.requireNothingLost(records)
}
