// Package halve finds the bad records of a refused batch: it halves the batch
// until they stand alone, parks those, and delivers the rest.
package halve

import (
	"context"
	"net/http"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// fruitless is how many passes in a row may go by without anything accepted:
// the whole, then 2, 4 and 8 parts, 15 requests in all.
const fruitless = 4

// Park stores what is left of a batch among the dead letters, as one entry,
// before it returns nil. Its error says whose fault it is that it could not.
type Park func(b delivery.Batch, reason string, f *delivery.Failure) error

// New makes the layer.
//
// It goes in passes: each part that is left is sent once, and what was refused
// is halved for the next pass. Nothing is condemned without a witness
// (History.Witnessed): a single record is parked if the far end took others
// that were sent after its first refusal. After three halvings without
// anything accepted the batch is parked whole if there is a witness; if there
// is none it comes back as a failure whose fault is ThisBatch, which to the
// layers above means "undecided".
func New(park Park) delivery.Layer {
	return func(next delivery.Sender) delivery.Sender {
		return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
			r := round{next: next, park: park, batch: b, progress: len(b.History.Parts) > 0}
			return r.run(ctx)
		})
	}
}

// round is one batch's way through the passes.
type round struct {
	next  delivery.Sender
	park  Park
	batch delivery.Batch
	// progress: some part was accepted or parked, in this round or before.
	progress bool
	// delivered: some part was accepted in this round.
	delivered bool
}

// pass is what came of sending each part once.
type pass struct {
	refused   []delivery.Batch
	last      *delivery.Failure
	accepted  bool
	witnessed bool
	// unparked is why a bad part could not be parked.
	unparked *delivery.Failure
	// divisible: a refused part has more than one record.
	divisible bool
	// aboutSize: all refusals were for size (413), which smaller parts may mend.
	aboutSize bool
}

func (r *round) run(ctx context.Context) (delivery.Outcome, error) {
	parts := r.batch.Remains()
	for barren := 0; ; {
		p, err := r.send(ctx, parts)
		if err != nil {
			return 0, err
		}
		if len(p.refused) == 0 {
			r.batch.History.Parts = nil
			return r.outcome(), nil
		}
		if p.unparked != nil {
			r.keep(p.refused)
			return 0, p.unparked
		}
		switch {
		case p.accepted:
			barren = 0
		case !p.aboutSize:
			barren++
		}
		if barren >= fruitless || r.pointless(p) {
			return r.conclude(p)
		}
		parts = halves(p.refused)
	}
}

// send sends each part once. Its error ends the round; what is left is kept in the batch's History.
func (r *round) send(ctx context.Context, parts []delivery.Batch) (pass, error) {
	p := pass{aboutSize: true}
	for i, part := range parts {
		_, err := r.next.Send(ctx, part)
		if err == nil {
			p.accepted, r.delivered, r.progress = true, true, true
			continue
		}
		f := delivery.AsFailure(err)
		if f.Fault == delivery.ThisBatch && part.Payload.Records() <= 1 && part.History.Witnessed {
			if err = r.park(part, reason(f), f); err == nil {
				r.progress = true
				continue
			}
			// It waits, but not in the way of the parts that follow.
			p.unparked = delivery.AsFailure(err)
		}
		if f.Fault != delivery.ThisBatch {
			h := r.batch.History
			h.Refusals = max(h.Refusals, part.History.Refusals)
			r.keep(append(p.refused, parts[i:]...))
			return p, f
		}
		p.refuse(part, f)
	}
	return p, nil
}

func (p *pass) refuse(part delivery.Batch, f *delivery.Failure) {
	p.refused, p.last = append(p.refused, part), f
	p.witnessed = p.witnessed || part.History.Witnessed
	p.divisible = p.divisible || part.Payload.Records() > 1
	p.aboutSize = p.aboutSize && f.Status == http.StatusRequestEntityTooLarge
}

// pointless tells whether another pass could teach us nothing.
func (r *round) pointless(p pass) bool {
	if p.accepted || p.witnessed {
		return false
	}
	return !p.divisible || r.batch.History.Halved
}

// conclude ends a round that could not tell the good records from the bad.
func (r *round) conclude(p pass) (delivery.Outcome, error) {
	r.keep(p.refused)
	if !p.witnessed {
		r.batch.History.Halved = true
		return 0, p.last
	}
	if err := r.park(r.batch, reason(p.last), p.last); err != nil {
		return 0, err
	}
	r.batch.History.Parts = nil
	return r.outcome(), nil
}

// keep remembers the parts that are left; a batch of which nobody took anything stays whole.
func (r *round) keep(parts []delivery.Batch) {
	if r.progress {
		r.batch.History.Parts = parts
	}
}

func (r *round) outcome() delivery.Outcome {
	if r.delivered {
		return delivery.Delivered
	}
	return delivery.DeadLettered
}

func halves(parts []delivery.Batch) []delivery.Batch {
	out := make([]delivery.Batch, 0, 2*len(parts))
	for _, b := range parts {
		if b.Payload.Records() <= 1 {
			out = append(out, b)
			continue
		}
		first, second := b.Payload.Halves()
		out = append(out,
			delivery.Batch{ID: b.ID.Part(0), Payload: first, History: b.History.Part()},
			delivery.Batch{ID: b.ID.Part(1), Payload: second, History: b.History.Part()})
	}
	return out
}

func reason(f *delivery.Failure) string {
	if f.Status == http.StatusRequestEntityTooLarge {
		return "too_large"
	}
	return "rejected"
}
