package mshipexporter

import (
	"sync"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/queue"
)

// journaled is what waits in the journals of all signals to become a parcel.
type journaled struct {
	mu   sync.Mutex
	size queue.Size
}

func (j *journaled) add(records, bytes int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.size.Records += records
	j.size.Bytes += bytes
}

// queued is what is on its way in the exporter: in the queue, and in the
// journals, which count as one batch as long as there is something in them.
func (c *core) queued() queue.Size { return c.journaled.plus(c.depth.Size()) }

func (j *journaled) plus(s queue.Size) queue.Size {
	j.mu.Lock()
	defer j.mu.Unlock()
	s.Records += j.size.Records
	s.Bytes += j.size.Bytes
	if j.size.Records > 0 {
		s.Batches++
	}
	return s
}
