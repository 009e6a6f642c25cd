// Package journal makes parcels, worth a round trip, of small requests. A
// request is acknowledged when it is in the journal on disk; many that come
// together share one write. A parcel takes them into the queue: it is stored,
// and they are deleted, in one Batch, so that no record is ever in two
// parcels, whatever is killed when. A parcel never changes once it is formed.
package journal

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/internal/gather"
)

// Piece is telemetry that waits for more.
type Piece struct {
	// OTLP is what a request brings, as protobuf. Once it is stored, Body is what
	// it is stored as; whoever makes parcels knows how bodies are joined.
	OTLP, Body []byte
	// Bytes is how long the OTLP is, or was.
	Bytes, Records int
	// Payloads are the same decoded, in order; none where they are not in memory any more.
	Payloads []delivery.Payload
	// Damage is set, and nothing else, where stored bytes could not be read.
	Damage *delivery.Damage
}

func (p Piece) empty() bool { return p.Records == 0 && p.Bytes == 0 && p.Damage == nil }

// Settings of a journal.
type Settings struct {
	// Size of a piece in the unit of MinSize and MaxSize.
	Size func(Piece) int64
	// MinSize makes a parcel as soon as so much has come together. MaxSize bounds
	// what is put into one; 0 is no bound.
	MinSize, MaxSize int64
	// Timeout is the longest that a request waits for others,
	Timeout time.Duration
	// or Rest if that is longer: as long as nothing goes out anyway, small parcels
	// would only make the backlog dear. nil is none.
	Rest func() time.Duration
	// Encode makes one piece of what comes together, and the entry that stores it.
	Encode func(group []Piece) (p Piece, entry []byte, err error)
	// Decode reads an entry. What cannot be decoded has Damage.
	Decode func(entry []byte) Piece
	// Seal puts a parcel of these pieces into the queue, and does the riders in the same Batch.
	Seal func(ctx context.Context, pieces []Piece, riders []*storage.Operation) error
	// Weigh hears what came into the journal, and with negative numbers what left it.
	Weigh  func(records, bytes int64)
	Logger *zap.Logger
}

// keptBytes bounds what is kept decoded in a journal that is on disk, as OTLP protobuf.
const keptBytes = 4 << 20

// restPause is how often it is looked whether something goes out again: that can be sooner than it was said.
const restPause = 250 * time.Millisecond

// retryPause is how long a parcel waits that the queue did not take.
const retryPause = time.Second

// Journal of one signal. It is safe for concurrent use.
type Journal struct {
	set Settings
	// client is nil where nothing is stored.
	client storage.Client

	mu      sync.Mutex
	waiting []*request
	// writing: somebody writes what is waiting.
	writing bool
	// groups is how many were taken to be written.
	groups  uint64
	entries []entry
	size    int64
	bytes   int64
	// next is the number that the next entry gets.
	next uint64
	// unread are entries that could not be read: they stay in the storage.
	unread []uint64
	closed bool

	wake chan struct{}
	done chan struct{}
	all  sync.WaitGroup
}

// request waits to be on disk.
type request struct {
	piece  Piece
	riders []*storage.Operation
	err    error
	done   chan struct{}
}

// entry is what came together, in one piece.
type entry struct {
	Piece
	number uint64
	size   int64
	came   time.Time
}

// New makes a journal; Open starts it.
func New(s Settings) *Journal {
	return &Journal{set: s, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Open reads what an earlier run left in the storage, and begins. c is nil
// where nothing is stored.
func (j *Journal) Open(ctx context.Context, c storage.Client) error {
	j.client = c
	if c != nil {
		if err := j.load(ctx); err != nil {
			return err
		}
	}
	j.all.Go(j.tend)
	j.wakeUp()
	return nil
}

// Fits tells whether a request is small enough to wait for others.
func (j *Journal) Fits(p Piece) bool { return j.set.Size(p) < j.set.MinSize }

var errClosed = errors.New("the exporter is shutting down")

// Add returns when the request is on disk, with its riders, or cannot be. Those
// who come while one is written, or are ready to run when the next begins, share the next write.
func (j *Journal) Add(ctx context.Context, p Piece, riders []*storage.Operation) error {
	r := &request{piece: p, riders: riders, done: make(chan struct{})}
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return errClosed
	}
	j.waiting = append(j.waiting, r)
	if !j.writing {
		j.writing = true
		// Not by the caller, who would get no answer as long as others keep coming.
		j.all.Go(func() { j.writeAll(context.WithoutCancel(ctx)) })
	}
	j.mu.Unlock()
	<-r.done // a storage that hangs holds up the queue as well
	return r.err
}

// writeAll writes until nobody waits.
func (j *Journal) writeAll(ctx context.Context) {
	for {
		j.gather()
		group := j.group()
		if len(group) == 0 {
			return
		}
		err := j.write(ctx, group)
		for _, r := range group {
			r.err = err
			close(r.done)
		}
	}
}

// gather returns when nobody who is ready to run joins those who wait.
func (j *Journal) gather() {
	if j.client == nil {
		return // there is no write to share
	}
	j.mu.Lock()
	coming := j.groups
	j.mu.Unlock()
	gather.Wait(&j.all, func() int {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.groups != coming {
			return 0
		}
		return len(j.waiting)
	})
}

// group takes those who wait, as many as make a parcel. If there are none, the writing ends.
func (j *Journal) group() []*request {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, size := 0, int64(0)
	for n < len(j.waiting) && size < j.set.MinSize {
		more := j.set.Size(j.waiting[n].piece)
		if n > 0 && j.set.MaxSize > 0 && size+more > j.set.MaxSize {
			break
		}
		size += more
		n++
	}
	group := j.waiting[:n:n]
	j.waiting = j.waiting[n:]
	j.writing = n > 0
	j.groups++
	return group
}

// Close answers all who wait, and ends the making of parcels. What is in a journal on disk stays there;
// what is nowhere else becomes a last parcel.
func (j *Journal) Close(ctx context.Context) {
	j.mu.Lock()
	closed := j.closed
	j.closed = true
	j.mu.Unlock()
	if closed {
		return
	}
	close(j.done)
	j.all.Wait()
	if j.client == nil {
		j.seal(ctx, true)
	}
}

func (j *Journal) wakeUp() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// tend seals what is due.
func (j *Journal) tend() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-j.done:
			return
		case <-j.wake:
		case <-timer.C:
		}
		timer.Reset(j.seal(context.Background(), false))
	}
}
