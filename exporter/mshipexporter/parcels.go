package mshipexporter

import (
	"context"
	"fmt"
	"slices"
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
		Size:   func(p journal.Piece) int64 { return int64(p.Bytes) },
		Encode: h.encodePieces, Decode: h.decodePiece, Seal: h.seal,
		Rest: h.core.rest, Weigh: h.core.journaled.add, Logger: h.core.logger,
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

// small gives a batch, of which the bytes are at hand, as a piece, if it is to wait in the journal for others.
func (h *handle) small(b delivery.Batch) (p journal.Piece, small bool) {
	if h.journal == nil {
		return p, false
	}
	otlp, err := b.Payload.MarshalProto()
	if err != nil {
		return p, false
	}
	p = journal.Piece{OTLP: otlp, Bytes: len(otlp), Records: b.Payload.Records(), Payloads: []delivery.Payload{payload.Decoded(b.Payload)}}
	return p, h.journal.Fits(p)
}

// encodePieces makes one of what came together.
func (h *handle) encodePieces(group []journal.Piece) (p journal.Piece, entry []byte, err error) {
	otlp := make([][]byte, 0, len(group))
	for _, g := range group {
		otlp = append(otlp, g.OTLP)
		p.Records += g.Records
		p.Payloads = append(p.Payloads, g.Payloads...)
	}
	body := h.encoding.Press(slices.Concat(otlp...))
	p.Body, p.Bytes = body.Frames, body.OTLP
	entry, err = h.encoding.Marshal(context.Background(), &element.Element{Batch: h.newBatch(element.NewPressed(h.lane.signal, body, p.Records, nil))})
	return p, entry, err
}

func (h *handle) decodePiece(entry []byte) journal.Piece {
	body, records, damage := h.encoding.Body(entry)
	return journal.Piece{Body: body.Frames, Bytes: body.OTLP, Records: records, Damage: damage}
}

func (h *handle) newBatch(p delivery.Payload) delivery.Batch {
	return delivery.Batch{ID: newID(), Payload: p, History: &delivery.History{FirstSeen: time.Now()}}
}

// seal puts a parcel into the queue, and in the same Batch takes what it is made of out of the journal.
func (h *handle) seal(ctx context.Context, pieces []journal.Piece, riders []*storage.Operation) error {
	b, err := h.parcel(pieces)
	if err != nil {
		return err
	}
	size := sizeOf(&element.Element{Batch: b})
	release, err := h.core.reserve(size.Bytes)
	if err != nil {
		return err
	}
	defer release()
	return h.store(queue.WithRiders(ctx, riders), b, size)
}

// parcel makes a batch of pieces.
func (h *handle) parcel(pieces []journal.Piece) (b delivery.Batch, err error) {
	if damage := pieces[0].Damage; damage != nil {
		return delivery.Batch{Damage: damage, History: &delivery.History{FirstSeen: time.Now()}}, nil
	}
	if h.lane.regroup {
		if whole := h.regrouped(pieces); whole != nil {
			return h.newBatch(whole), nil
		}
	}
	var bodies []element.Body
	var payloads []delivery.Payload
	records := 0
	for _, p := range pieces {
		bodies = append(bodies, element.Body{Frames: p.Body, OTLP: p.Bytes})
		records += p.Records
		if len(p.Payloads) == 0 {
			payloads = append(payloads, nil)
		}
		payloads = append(payloads, p.Payloads...)
	}
	body, whole := h.encoding.Join(bodies), payload.Merge(payloads)
	if h.onDisk() {
		return h.newBatch(element.NewPressed(h.lane.signal, body, records, whole)), nil
	}
	if whole == nil {
		whole, err = h.encoding.Decode(body)
	}
	return h.newBatch(whole), err
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
