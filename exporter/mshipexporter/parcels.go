package mshipexporter

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/element"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/journal"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payload"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/queue"
)

// newJournal makes the journal of one signal. Without sending_queue::batch it
// takes nothing, but what an earlier run left in it comes out.
func (h *handle) newJournal() *journal.Journal {
	s := journal.Settings{
		Size:   func(p journal.Piece) int64 { return int64(len(p.OTLP)) },
		Encode: h.encodePiece, Decode: h.decodePiece, Seal: h.seal,
		Weigh: h.core.journaled.add, Logger: h.core.logger,
	}
	if q := h.core.cfg.Queue.Get(); q.Batch.HasValue() {
		b := q.Batch.Get()
		s.MinSize, s.MaxSize, s.Timeout = b.MinSize, b.MaxSize, b.FlushTimeout
		if b.Sizer == exporterhelper.RequestSizerTypeItems {
			s.Size = func(p journal.Piece) int64 { return int64(p.Records) }
		}
	}
	return journal.New(s)
}

func (h *handle) encodePiece(p journal.Piece) ([]byte, error) {
	return h.encoding.Marshal(context.Background(), &element.Element{Batch: h.batchOf(p)})
}

func (h *handle) decodePiece(stored []byte) journal.Piece {
	otlp, records, damage := h.encoding.Open(stored)
	return journal.Piece{OTLP: otlp, Records: records, Damage: damage}
}

func (h *handle) batchOf(p journal.Piece) delivery.Batch {
	b := delivery.Batch{ID: newID(), Damage: p.Damage, History: &delivery.History{FirstSeen: time.Now()}}
	if p.Damage == nil {
		b.Payload = payload.Sealed(h.lane.signal, p.OTLP, p.Records)
	}
	return b
}

// seal puts a parcel into the queue, and in the same Batch takes what it is made of out of the journal.
func (h *handle) seal(ctx context.Context, p journal.Piece, riders []*storage.Operation) error {
	b := h.batchOf(p)
	if h.inMemory() {
		whole, err := payload.Unmarshal(h.lane.signal, p.OTLP)
		if err != nil {
			return err
		}
		b.Payload = whole
	}
	size := sizeOf(&element.Element{Batch: b})
	release, err := h.core.reserve(size.Bytes)
	if err != nil {
		return err
	}
	defer release()
	return h.store(queue.WithRiders(ctx, riders), b, size)
}

// newID makes a UUID version 7: unique, ordered, with its time.
func newID() delivery.ID {
	id, err := uuid.NewV7()
	if err != nil {
		// Only a broken random source does that (crypto/rand: it ends the program before).
		panic(fmt.Sprintf("cannot make an id: %s", err))
	}
	return delivery.ID(id)
}
