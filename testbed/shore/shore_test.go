package shore_test

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// overHTTP returns a client of the shore's HTTP side.
func overHTTP(t *testing.T, s *shore.Shore) *load.HTTPSender {
	t.Helper()
	c := load.NewHTTP(s.HTTPEndpoint())
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// overGRPC returns a client of the shore's gRPC side.
func overGRPC(t *testing.T, s *shore.Shore, opts ...grpc.DialOption) *load.GRPCSender {
	t.Helper()
	c, err := load.NewGRPC(s.GRPCEndpoint(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// onBoth runs a test on either protocol.
func onBoth(t *testing.T, test func(t *testing.T, s *shore.Shore, c load.Sender)) {
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		s := shore.Start(t)
		test(t, s, overHTTP(t, s))
	})
	t.Run("grpc", func(t *testing.T) {
		t.Parallel()
		s := shore.Start(t)
		test(t, s, overGRPC(t, s))
	})
}

func logs(from int64, n int) load.Batch { return load.Batch{Signal: record.Logs, From: from, N: n} }

// refusal makes one attempt that must fail.
func refusal(t *testing.T, c load.Sender, b load.Batch) *load.Refusal {
	t.Helper()
	var r *load.Refusal
	require.ErrorAs(t, c.Send(t.Context(), b), &r)
	return r
}

// giveUp makes one attempt whose client goes away after a while.
func giveUp(t *testing.T, c load.Sender, b load.Batch) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var r *load.Refusal
	require.ErrorAs(t, c.Send(ctx, b), &r)
	if !errors.Is(r, context.DeadlineExceeded) {
		assert.Contains(t, []codes.Code{codes.DeadlineExceeded, codes.Canceled}, r.Code, "the client was answered")
	}
}

// restsWithin waits until nothing is in flight.
func restsWithin(t *testing.T, s *shore.Shore) {
	t.Helper()
	require.Eventually(t, func() bool { return s.InFlight() == 0 }, patience, 5*time.Millisecond)
}

// last is the newest request.
func last(t *testing.T, s *shore.Shore) shore.Entry {
	t.Helper()
	all := s.Requests()
	require.NotEmpty(t, all)
	return all[len(all)-1]
}

func TestAcceptCountsEveryRecordOfEverySignal(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
		for i, signal := range record.Signals() {
			b := load.Batch{Signal: signal, From: int64(100 * i), N: 10}
			require.NoError(t, c.Send(t.Context(), b))
			restsWithin(t, s)
			e := last(t, s)
			assert.Equal(t, signal, e.Signal)
			assert.ElementsMatch(t, b.IDs(), e.Records)
			assert.Equal(t, shore.Accepted, e.Fate)
			assert.Equal(t, 200, e.Status)
			assert.Greater(t, e.Bytes, 500)
			assert.False(t, e.Finished.Before(e.Arrived))
		}
		require.NoError(t, c.Send(t.Context(), logs(0, 1)))

		assert.Equal(t, 30, s.Delivered())
		assert.Equal(t, 2, s.Count(0))
		assert.Equal(t, 1, s.Counts()[209])
		assert.Equal(t, 0, s.Count(999))
	})
}

func TestResetsAreResets(t *testing.T) {
	for name, tc := range map[string]struct {
		fault shore.Fault
		taken int
		read  bool
	}{
		"early":    {shore.ResetEarly(), 0, false},
		"late":     {shore.Reset(), 0, true},
		"and take": {shore.TakeAndReset(), 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
				s.SetFault(tc.fault)
				r := refusal(t, c, logs(7, 1))
				if r.Code == codes.OK {
					require.ErrorIs(t, r, syscall.ECONNRESET)
				} else {
					assert.Equal(t, codes.Unavailable, r.Code)
				}
				restsWithin(t, s)
				e := last(t, s)
				assert.Equal(t, shore.Aborted, e.Fate)
				assert.Equal(t, record.Logs, e.Signal)
				assert.Equal(t, tc.read, len(e.Records) == 1)
				assert.Equal(t, tc.taken, s.Count(7))
			})
		})
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
		s.SetFault(shore.Hang())
		giveUp(t, c, logs(0, 1))
		restsWithin(t, s)
		assert.Equal(t, shore.Hung, last(t, s).Fate)
		assert.Zero(t, s.Delivered())
	})
}

func TestHangIsReleasedByTheNextFault(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
		begin := time.Now()
		s.SetFault(shore.Hang())
		failed := make(chan error)
		for i := range 3 {
			go func() { failed <- c.Send(t.Context(), logs(int64(i), 1)) }()
		}
		require.Eventually(t, func() bool { return hanging(s) == 3 }, patience, 5*time.Millisecond)
		s.SetFault(shore.Accept())
		for range 3 {
			require.Error(t, <-failed)
		}
		restsWithin(t, s)
		assert.Equal(t, 3, s.MaxInFlight(begin))
		assert.Zero(t, s.MaxInFlight(time.Now()))
		assert.Zero(t, s.Delivered())

		require.Eventually(t, func() bool { return c.Send(t.Context(), logs(0, 1)) == nil }, patience, 5*time.Millisecond)
		assert.Equal(t, 1, s.Count(0))
	})
}

// hanging is how many requests hang: they arrived, and the fault has decided on them.
func hanging(s *shore.Shore) (n int) {
	for _, e := range s.Requests() {
		if e.Fate == shore.Hung && e.InFlight() {
			n++
		}
	}
	return n
}

func TestStatusOnHTTPAndItsCodeOnGRPC(t *testing.T) {
	for status, code := range map[int]codes.Code{
		400: codes.InvalidArgument, 401: codes.Unauthenticated, 403: codes.PermissionDenied,
		404: codes.Unimplemented, 407: codes.Unauthenticated, 408: codes.DeadlineExceeded,
		413: codes.ResourceExhausted, 415: codes.InvalidArgument, 422: codes.InvalidArgument,
		429: codes.ResourceExhausted, 500: codes.Internal, 502: codes.Unavailable,
		503: codes.Unavailable, 504: codes.Unavailable, 511: codes.PermissionDenied,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
				s.SetFault(shore.Status(status, shore.WithBody("text/plain", "go away")))
				r := refusal(t, c, logs(0, 1))
				require.ErrorContains(t, r, "go away")
				assert.False(t, r.HasDelay)
				if r.Code == codes.OK {
					assert.Equal(t, status, r.Status)
				} else {
					assert.Equal(t, code, r.Code)
				}
				e := last(t, s)
				assert.Equal(t, status, e.Status)
				assert.Equal(t, code, e.Code)
				assert.Equal(t, shore.Refused, e.Fate)
				assert.Zero(t, s.Delivered())
			})
		})
	}
}

func TestRetryAfterOnBothProtocols(t *testing.T) {
	for name, opts := range map[string][]shore.StatusOption{
		"seconds":      {shore.RetryAfter(7 * time.Second)},
		"date":         {shore.RetryAfterDate(7 * time.Second)},
		"wrong clocks": {shore.RetryAfterDate(7 * time.Second), shore.Skew(-90 * time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
				s.SetFault(shore.Status(429, opts...))
				r := refusal(t, c, logs(0, 1))
				assert.True(t, r.HasDelay)
				assert.True(t, r.Retryable)
				assert.Equal(t, 7*time.Second, r.Delay)
			})
		})
	}
}

func TestAnswersThatProveNothingAreUnknownOnGRPC(t *testing.T) {
	s := shore.Start(t)
	c := overGRPC(t, s)
	for _, fault := range []shore.Fault{
		shore.CaptivePortal(), shore.RedirectTo(s.PortalURL()), shore.EmptyOK(), shore.NoContent(),
	} {
		s.SetFault(fault)
		assert.Equal(t, codes.Unknown, refusal(t, c, logs(0, 1)).Code)
	}
	s.SetFault(shore.Status(503, shore.WithCode(codes.Canceled)))
	assert.Equal(t, codes.Canceled, refusal(t, c, logs(0, 1)).Code)
	assert.Zero(t, s.Delivered())
}

func TestFaultsThatLookIntoTheRequest(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
		s.SetFault(shore.RejectRecords(func(id int64) bool { return id == 13 }))
		r := refusal(t, c, logs(10, 10))
		assert.True(t, r.Status == 400 || r.Code == codes.InvalidArgument, r)
		require.NoError(t, c.Send(t.Context(), logs(20, 10)))

		s.SetFault(shore.RejectSignal(record.Logs, 400))
		assert.False(t, refusal(t, c, logs(30, 1)).Retryable)
		require.NoError(t, c.Send(t.Context(), load.Batch{Signal: record.Metrics, From: 40, N: 10}))

		s.SetFault(shore.RejectLargerThan(2000))
		r = refusal(t, c, logs(50, 50))
		assert.True(t, r.Status == 413 || r.Code == codes.ResourceExhausted, r)
		require.NoError(t, c.Send(t.Context(), logs(60, 1)))

		assert.Equal(t, 21, s.Delivered())
	})
}

func TestTakingAndSequence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
		s.SetFault(shore.Sequence(shore.Taking(shore.Status(503)), shore.Status(500), shore.Accept()))
		require.Error(t, c.Send(t.Context(), logs(0, 1)))
		assert.Equal(t, 1, s.Count(0))
		require.Error(t, c.Send(t.Context(), logs(0, 1)))
		require.NoError(t, c.Send(t.Context(), logs(0, 1)))
		require.NoError(t, c.Send(t.Context(), logs(1, 1)))
		assert.Equal(t, map[int64]int{0: 2, 1: 1}, s.Counts())
	})
}

func TestGRPCCompression(t *testing.T) {
	plain := wireBytes(t)
	for _, name := range []string{"gzip", "zstd"} {
		assert.Less(t, wireBytes(t, grpc.WithDefaultCallOptions(grpc.UseCompressor(name))), plain, name)
	}
}

// wireBytes is the size of one batch as the shore saw it.
func wireBytes(t *testing.T, opts ...grpc.DialOption) int {
	t.Helper()
	s := shore.Start(t)
	require.NoError(t, overGRPC(t, s, opts...).Send(t.Context(), logs(0, 200)))
	assert.Equal(t, 200, s.Delivered())
	return last(t, s).Bytes
}
