package mshipdedup

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipdedup/internal/metadatatest"
)

func TestADuplicateIsAnsweredAndGoesNoFurther(t *testing.T) {
	t.Parallel()
	for name, say := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ashore(t, newDisk())
			for range 5 {
				require.NoError(t, say(t.Context(), s, "0190b0f5-one"))
			}
			assert.Equal(t, 1, s.tried())
			require.NoError(t, say(t.Context(), s, "0190b0f5-two"))
			assert.Equal(t, 2, s.tried(), "another key")
			requireDuplicates(t, s, 4)
		})
	}
}

func TestWithoutAKeyEverythingPasses(t *testing.T) {
	t.Parallel()
	s := ashore(t, nil)
	for name, say := range ways {
		before := s.tried()
		for range 3 {
			require.NoError(t, say(t.Context(), s), name)
		}
		assert.Equal(t, before+3, s.tried(), name)
	}
}

// One key is one request of each signal and protocol.
func TestAKeyIsOfItsMethod(t *testing.T) {
	t.Parallel()
	s := ashore(t, nil)
	for _, name := range []string{"http protobuf logs", "http protobuf metrics", "http protobuf traces", "grpc logs", "grpc metrics", "grpc traces"} {
		before := s.tried()
		for range 2 {
			require.NoError(t, ways[name](t.Context(), s, "one"), name)
		}
		assert.Equal(t, before+1, s.tried(), name)
	}
}

// A key that cannot be used loses nothing: the request is taken as if it had none.
func TestAStrangeKeyLosesNothing(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]string{
		"too long":  {strings.Repeat("k", 129)},
		"empty":     {""},
		"two":       {"one", "two"},
		"not ASCII": {"caf\u00e9"},
	} {
		for by, say := range both {
			if by == "grpc" && name == "not ASCII" {
				continue // the client does not send it
			}
			t.Run(name+" "+by, func(t *testing.T) {
				t.Parallel()
				s := ashore(t, nil)
				for range 3 {
					require.NoError(t, say(t.Context(), s, keys...))
				}
				assert.Equal(t, 3, s.tried())
				assert.Len(t, s.logs.FilterMessageSnippet("a request's key cannot be used").All(), 1)
				metadatatest.AssertEqualDedupUnusableTotal(t, s.tel, points(3), metricdatatest.IgnoreTimestamp())
			})
		}
	}
	assert.True(t, usable(strings.Repeat("k", 128)))
}

func TestTwoInFlightAreOne(t *testing.T) {
	t.Parallel()
	for name, say := range both {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, release := ashore(t, newDisk()), make(chan struct{})
			s.does(func(context.Context) error { <-release; return nil })
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() { assert.NoError(t, say(t.Context(), s, "one")) })
			}
			awaitWaits(t, s, 7)
			close(release)
			all.Wait()
			assert.Equal(t, 1, s.tried())
			requireDuplicates(t, s, 7)
		})
	}
}

// Whoever waits for one that fails is tried itself, one after the other.
func TestAFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, say := range both {
		for kind, fault := range map[string]error{
			"retryable": errors.New("full"), "permanent": consumererror.NewPermanent(errors.New("bad")),
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				s := ashore(t, newDisk())
				var inFlight atomic.Int64
				release := make(chan struct{})
				s.does(func(context.Context) error {
					defer inFlight.Add(-1)
					assert.EqualValues(t, 1, inFlight.Add(1))
					<-release
					if s.tried() == 3 {
						return nil
					}
					return fault
				})
				var all sync.WaitGroup
				var failed atomic.Int64
				for range 6 {
					all.Go(func() {
						if say(t.Context(), s, "one") != nil {
							failed.Add(1)
						}
					})
				}
				awaitWaits(t, s, 5)
				close(release)
				all.Wait()
				assert.EqualValues(t, 2, failed.Load())
				assert.Equal(t, 3, s.tried())
				require.NoError(t, say(t.Context(), s, "one"))
				assert.Equal(t, 3, s.tried())
			})
		}
	}
}

func TestRemembersOverARestart(t *testing.T) {
	t.Parallel()
	for name, say := range both {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			s := ashore(t, d)
			require.NoError(t, say(t.Context(), s, "one"))
			s.stop()
			again := ashore(t, d)
			require.NoError(t, say(t.Context(), again, "one"))
			assert.Zero(t, again.tried())
			metadatatest.AssertEqualDedupKeys(t, again.tel, points(1), metricdatatest.IgnoreTimestamp())
		})
	}
}

func TestAFullStorageFailsNoRequest(t *testing.T) {
	t.Parallel()
	for name, say := range both {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			s := ashore(t, d)
			d.fails(storage.ErrStorageFull)
			for _, key := range []string{"one", "two", "one", "two"} {
				require.NoError(t, say(t.Context(), s, key))
			}
			assert.Equal(t, 2, s.tried())
			metadatatest.AssertEqualDedupUnstoredTotal(t, s.tel, points(2), metricdatatest.IgnoreTimestamp())
			assert.Len(t, s.logs.FilterMessageSnippet("keys cannot be stored").All(), 1)
			d.fails(nil)
			s.stop()
			again := ashore(t, d)
			require.NoError(t, say(t.Context(), again, "one"))
			assert.Zero(t, again.tried(), "stored when there was room")
		})
	}
}

func TestTheOldestKeyGoes(t *testing.T) {
	t.Parallel()
	s := ashore(t, nil, func(c *Config) { c.MaxKeys = 2 })
	for _, key := range []string{"one", "two", "three"} {
		require.NoError(t, byHTTP(t.Context(), s, key))
	}
	require.NoError(t, byHTTP(t.Context(), s, "three"))
	assert.Equal(t, 3, s.tried())
	require.NoError(t, byHTTP(t.Context(), s, "one"))
	assert.Equal(t, 4, s.tried())
	metadatatest.AssertEqualDedupEvictedTotal(t, s.tel, points(2), metricdatatest.IgnoreTimestamp())
}

// What is no OTLP request gets the receiver's own answer, and is not remembered.
func TestWhatIsNotOTLPIsTheReceivers(t *testing.T) {
	t.Parallel()
	s := ashore(t, nil)
	for name, c := range map[string]struct {
		encoding, path, body string
		status               int
	}{
		"content type": {"text/plain", "/v1/logs", "", http.StatusUnsupportedMediaType},
		"no type":      {"", "/v1/logs", "", http.StatusUnsupportedMediaType},
		"path":         {typeProtobuf, "/v1/nothing", "", http.StatusNotFound},
		"body":         {typeProtobuf, "/v1/logs", "not protobuf", http.StatusBadRequest},
	} {
		for range 2 {
			_, err := send(t.Context(), s, c.encoding, c.path, strings.NewReader(c.body), "one")
			var refused *refusal
			require.ErrorAs(t, err, &refused, name)
			assert.Equal(t, c.status, refused.status, name)
		}
	}
	response, err := s.client.Get(s.http + "/v1/logs")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	requireDuplicates(t, s, 0)
}

// A client over HTTP/1 that is still sending sees the answer, not a broken connection.
func TestALargeDuplicateIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	s := ashore(t, nil)
	require.NoError(t, byHTTP(t.Context(), s, "one"))
	for range 20 {
		_, err := send(t.Context(), s, typeProtobuf, "/v1/logs", bytes.NewReader(make([]byte, 8<<20)), "one")
		require.NoError(t, err)
	}
	assert.Equal(t, 1, s.tried())
}

// The body of a request that has waited is the one that it came with.
func TestAWaitingRequestKeepsItsBody(t *testing.T) {
	t.Parallel()
	s, release := ashore(t, nil), make(chan struct{})
	s.does(func(context.Context) error {
		<-release
		if s.tried() == 1 {
			return errors.New("no")
		}
		return nil
	})
	first := make(chan error)
	go func() { first <- byHTTP(t.Context(), s, "one") }()
	require.Eventually(t, func() bool { return s.tried() == 1 }, patience, time.Millisecond)
	second := make(chan error)
	go func() {
		_, err := send(t.Context(), s, typeProtobuf, "/v1/logs", strings.NewReader("not protobuf"), "one")
		second <- err
	}()
	awaitWaits(t, s, 1)
	close(release)
	require.Error(t, <-first)
	var refused *refusal
	require.ErrorAs(t, <-second, &refused)
	assert.Equal(t, http.StatusBadRequest, refused.status)
	require.NoError(t, byHTTP(t.Context(), s, "one"))
	assert.Equal(t, 2, s.tried())
}

func points(n int64) []metricdata.DataPoint[int64] {
	return []metricdata.DataPoint[int64]{{Value: n, Attributes: attribute.NewSet(attribute.String("dedup", "mship_dedup"))}}
}

func requireDuplicates(t *testing.T, s *shore, n int64) {
	t.Helper()
	metadatatest.AssertEqualDedupDuplicatesTotal(t, s.tel, points(n), metricdatatest.IgnoreTimestamp())
}

// awaitWaits waits until so many requests wait for another one.
func awaitWaits(t *testing.T, s *shore, n int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		m, err := s.tel.GetMetric("mship_dedup_waits_total")
		return err == nil && m.Data.(metricdata.Sum[int64]).DataPoints[0].Value == n
	}, patience, time.Millisecond)
}
