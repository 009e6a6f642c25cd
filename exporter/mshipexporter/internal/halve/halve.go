// Package halve finds the bad records of a refused batch: it halves the batch
// until they stand alone, parks those, and delivers the rest.
package halve

import (
	"context"
	"net/http"
	"slices"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// fruitless is how many passes in a row may go by without anything accepted:
// the whole, then 2, 4 and 8 parts, 15 requests in all.
const fruitless = 4

// Park stores what is left of a batch among the dead letters, as one entry,
// before it returns nil. Its error says whose fault it is that it could not.
type Park func(b delivery.Batch, reason string, f *delivery.Failure) error

// Divided tells whether some part of the batch, or of the part, was accepted or
// parked: then it must not be sent as it is.
type Divided func(id delivery.ID) bool

// New makes the layer.
//
// It goes in passes: each part that is left is sent once, and what was refused
// is halved for the next pass. Nothing is condemned without a witness
// (History.Witnessed): a single record is parked if the far end took others
// that were sent after its first refusal. After three halvings without
// anything accepted the batch is parked whole if there is a witness; if there
// is none it comes back as a failure whose fault is ThisBatch, which to the
// layers above means "undecided".
func New(park Park, divided Divided) delivery.Layer {
	return func(next delivery.Sender) delivery.Sender {
		return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
			r := round{next: next, park: park, divided: divided, batch: b, history: b.History}
			return r.run(ctx)
		})
	}
}

// round is one batch's way through the passes.
type round struct {
	next    delivery.Sender
	park    Park
	divided Divided
	batch   delivery.Batch
	// history is the batch's, not a part's.
	history *delivery.History
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
	if r.history.Taken && len(r.history.Parts) == 0 {
		// An earlier run had parts of it accepted: each is asked for by its own id.
		parts = r.divide(halves(parts))
		r.history.Parts = parts
	}
	for {
		p, err := r.send(ctx, parts)
		if err != nil {
			return 0, err
		}
		if len(p.refused) == 0 {
			r.forget()
			return r.outcome(), nil
		}
		if p.unparked != nil {
			r.interrupt(p.refused)
			return 0, p.unparked
		}
		switch {
		case p.accepted:
			r.history.Barren = 0
		case !p.aboutSize:
			r.history.Barren++
		}
		if r.history.Barren >= fruitless || r.pointless(p) {
			return r.conclude(p)
		}
		parts = halves(p.refused)
		r.history.Parts = parts
	}
}

// send sends each part once. Its error ends the round; what is left is kept in the batch's History.
func (r *round) send(ctx context.Context, parts []delivery.Batch) (pass, error) {
	p := pass{aboutSize: true}
	for i, part := range parts {
		_, err := r.next.Send(ctx, part)
		if err == nil {
			p.accepted, r.delivered, r.history.Taken = true, true, true
			continue
		}
		f := delivery.AsFailure(err)
		if f.Fault == delivery.ThisBatch && part.Payload.Records() <= 1 && part.History.Witnessed {
			if err = r.park(part, reason(f), f); err == nil {
				r.history.Taken = true
				continue
			}
			// It waits, but not in the way of the parts that follow.
			p.unparked = delivery.AsFailure(err)
		}
		if f.Fault != delivery.ThisBatch {
			r.history.Refusals = max(r.history.Refusals, part.History.Refusals)
			r.interrupt(append(p.refused, parts[i:]...))
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
	return !p.divisible || r.history.Halved
}

// conclude ends a round that could not tell the good records from the bad. A
// batch of which nobody took anything goes back whole.
func (r *round) conclude(p pass) (delivery.Outcome, error) {
	r.history.Parts, r.history.Barren = p.refused, 0
	if !p.witnessed {
		r.history.Halved = true
		if !r.history.Taken {
			r.history.Parts = nil
		}
		return 0, p.last
	}
	if err := r.park(r.batch, reason(p.last), p.last); err != nil {
		return 0, err
	}
	r.forget()
	return r.outcome(), nil
}

// interrupt keeps what is left for the next round. What was never halved stays
// the batch itself.
func (r *round) interrupt(left []delivery.Batch) {
	if len(r.history.Parts) > 0 {
		r.history.Parts = left
	}
}

func (r *round) forget() { r.history.Parts, r.history.Taken, r.history.Barren = nil, false, 0 }

func (r *round) outcome() delivery.Outcome {
	if r.delivered {
		return delivery.Delivered
	}
	return delivery.DeadLettered
}

// divide halves what was divided in an earlier run, as deep as it was then.
func (r *round) divide(parts []delivery.Batch) []delivery.Batch {
	var out []delivery.Batch
	for _, part := range parts {
		if part.Payload.Records() > 1 && r.divided(part.ID) {
			out = append(out, r.divide(halves([]delivery.Batch{part}))...)
		} else {
			out = append(out, part)
		}
	}
	return out
}

func halves(parts []delivery.Batch) []delivery.Batch {
	out := make([]delivery.Batch, 0, 2*len(parts))
	for _, b := range parts {
		if b.Payload.Records() <= 1 {
			out = append(out, b)
			continue
		}
		first, second := b.Payload.Halves()
		wholes := append(slices.Clip(b.Wholes), b.ID)
		out = append(out,
			delivery.Batch{ID: b.ID.Part(0), Wholes: wholes, Payload: first, History: b.History.Part()},
			delivery.Batch{ID: b.ID.Part(1), Wholes: wholes, Payload: second, History: b.History.Part()})
	}
	return out
}

func reason(f *delivery.Failure) string {
	if f.Status == http.StatusRequestEntityTooLarge {
		return "too_large"
	}
	return "rejected"
}
