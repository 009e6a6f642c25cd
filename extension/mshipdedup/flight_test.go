package mshipdedup

import (
	"context"
	"errors"
	"net/http"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAPanicIsNotRemembered(t *testing.T) {
	t.Parallel()
	s := ashore(t, newDisk()) // over HTTP only: the gRPC server dies of it
	s.does(func(context.Context) error { panic(http.ErrAbortHandler) })
	require.Error(t, byHTTP(t.Context(), s, "one"))
	s.does(nil)
	require.NoError(t, byHTTP(t.Context(), s, "one"))
	assert.Equal(t, 2, s.tried())
}

// The pipeline takes what its client no longer waits for: a lost answer. It must be remembered.
func TestALostAnswerIsNoSecondCopy(t *testing.T) {
	t.Parallel()
	for name, say := range both {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, release := ashore(t, newDisk()), make(chan struct{})
			s.does(func(context.Context) error { <-release; return nil })
			ctx, cancel := context.WithCancel(t.Context())
			gone := make(chan error)
			go func() { gone <- say(ctx, s, "one") }()
			require.Eventually(t, func() bool { return s.tried() == 1 }, patience, time.Millisecond)
			cancel()
			require.Error(t, <-gone)
			time.AfterFunc(10*time.Millisecond, func() { close(release) })
			require.NoError(t, say(t.Context(), s, "one"))
			assert.Equal(t, 1, s.tried())
		})
	}
}

// A pipeline that gave up because the client went away has not taken it.
func TestWhatIsCancelledIsNotRemembered(t *testing.T) {
	t.Parallel()
	for name, say := range both {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ashore(t, newDisk())
			s.does(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			ctx, cancel := context.WithCancel(t.Context())
			gone := make(chan error)
			go func() { gone <- say(ctx, s, "one") }()
			require.Eventually(t, func() bool { return s.tried() == 1 }, patience, time.Millisecond)
			cancel()
			require.Error(t, <-gone)
			s.does(nil)
			require.NoError(t, say(t.Context(), s, "one"))
			assert.Equal(t, 2, s.tried())
		})
	}
}

func TestAWaitEnds(t *testing.T) {
	t.Parallel()
	for name, say := range both {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, release := ashore(t, newDisk(), func(c *Config) { c.MaxWait = 50 * time.Millisecond }), make(chan struct{})
			s.does(func(context.Context) error { <-release; return nil })
			first := make(chan error)
			go func() { first <- say(t.Context(), s, "one") }()
			require.Eventually(t, func() bool { return s.tried() == 1 }, patience, time.Millisecond)
			err := say(t.Context(), s, "one")
			var refused *refusal
			if errors.As(err, &refused) {
				assert.Equal(t, http.StatusServiceUnavailable, refused.status)
				assert.Equal(t, "1", refused.header.Get("Retry-After"))
				assert.Equal(t, typeProtobuf, refused.header.Get("Content-Type"))
			} else {
				assert.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
			}
			close(release)
			require.NoError(t, <-first)
		})
	}
}

// A client that goes away while its request waits is not waited for: its
// request must not be tried when the first one fails. It is not parallel: it
// looks at what all goroutines do.
func TestAClientThatIsGoneDoesNotWait(t *testing.T) {
	for name, say := range both {
		t.Run(name, func(t *testing.T) {
			s, release := ashore(t, newDisk()), make(chan struct{})
			s.does(func(context.Context) error { <-release; return errors.New("no") })
			first := make(chan error)
			go func() { first <- say(t.Context(), s, "one") }()
			require.Eventually(t, func() bool { return s.tried() == 1 }, patience, time.Millisecond)
			ctx, cancel := context.WithCancel(t.Context())
			second := make(chan error)
			go func() { second <- say(ctx, s, "one") }()
			require.Eventually(t, isSomebodyWaiting, patience, time.Millisecond)
			cancel()
			require.Error(t, <-second)
			require.Eventually(t, func() bool { return !isSomebodyWaiting() }, patience, time.Millisecond)
			close(release)
			require.Error(t, <-first)
			s.stop()
			assert.Equal(t, 1, s.tried())
		})
	}
}

// isSomebodyWaiting looks for a request that waits in the gate.
func isSomebodyWaiting() bool {
	var stacks strings.Builder
	return pprof.Lookup("goroutine").WriteTo(&stacks, 1) == nil && strings.Contains(stacks.String(), "gate.(*Gate).Enter")
}

// A success that a client has seen is durable.
func TestTheAnswerWaitsForTheKey(t *testing.T) {
	t.Parallel()
	for name, say := range both {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, release := newDisk(), make(chan struct{})
			s := ashore(t, d)
			d.holds(release)
			answered := make(chan error, 1)
			go func() { answered <- say(t.Context(), s, "one") }()
			require.Eventually(t, func() bool { return s.tried() == 1 }, patience, time.Millisecond)
			assert.Never(t, func() bool { return len(answered) > 0 }, 50*time.Millisecond, 10*time.Millisecond, "answered before the key is stored")
			close(release)
			require.NoError(t, <-answered)
			again := ashore(t, d.killed())
			require.NoError(t, say(t.Context(), again, "one"))
			assert.Zero(t, again.tried(), "killed after the answer")
		})
	}
}
