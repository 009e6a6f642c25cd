package ledger

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

// Arrivals remembers what came in through the door. It is safe for concurrent use.
type Arrivals struct {
	set    *seen.Set
	closed <-chan struct{}

	mu sync.Mutex
	// entering are the requests whose outcome is open; the channel is closed with it.
	entering map[seen.Key]chan struct{}
}

// NewArrivals makes one; Use must be called before anything comes in. Nobody
// waits any more when closed is closed.
func NewArrivals(closed <-chan struct{}) *Arrivals {
	return &Arrivals{closed: closed, entering: map[seen.Key]chan struct{}{}}
}

var errClosed = errors.New("the exporter is shutting down")

// Use remembers in the set from now on.
func (a *Arrivals) Use(s *seen.Set) { a.set = s }

// Request is what is known of one.
type Request struct {
	// Content tells whether it has come in already.
	Content seen.Key
	// Name that the client gave it, or its Content where it gave none.
	Name seen.Key
}

// Once lets a request in, unless it has come in already: then it is a
// duplicate, and enter is not called. A request that comes while one of its
// name is entering waits for the outcome. enter gets what is to be written with
// the batch, and whether other content of that name has come in; once it has returned
// without an error, the request is remembered.
func (a *Arrivals) Once(ctx context.Context, r Request, enter func(riders []*storage.Operation, other bool) error) (duplicate bool, err error) {
	leave, err := a.await(ctx, r.Name)
	if err != nil {
		return false, err
	}
	defer leave()
	if a.set.Has(r.Content) {
		return true, nil
	}
	keys := []seen.Key{r.Content}
	if r.Name != r.Content {
		keys = append(keys, r.Name)
	}
	staged := a.set.Stage(ctx, keys...)
	if err = enter(staged.Operations, a.set.Has(r.Name)); err != nil {
		staged.Cancel()
		return false, err
	}
	staged.Done(nil)
	return false, nil
}

// await is alone with the key until leave is called.
func (a *Arrivals) await(ctx context.Context, k seen.Key) (leave func(), err error) {
	for {
		a.mu.Lock()
		other, busy := a.entering[k]
		if !busy {
			mine := make(chan struct{})
			a.entering[k] = mine
			a.mu.Unlock()
			return func() { a.leave(k, mine) }, nil
		}
		a.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.closed:
			return nil, errClosed
		}
	}
}

func (a *Arrivals) leave(k seen.Key, mine chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.entering, k)
	close(mine)
}
