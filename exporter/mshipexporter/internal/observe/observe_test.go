package observe_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/observe"
)

type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) counters() observe.Counters {
	return observe.Counters{
		Attempt:   func(_ context.Context, retry bool) { j.add("attempt retry=%t", retry) },
		Delivered: func(_ context.Context, p delivery.Payload) { j.add("delivered %s %d", p.Signal(), p.Records()) },
		Failed:    func(_ context.Context, f *delivery.Failure) { j.add("failed %d timeout=%t", f.Status, f.Timeout) },
	}
}

func TestCountsWhatTouchesTheWire(t *testing.T) {
	var seen journal
	silence := deliverytest.Broken()
	silence.Timeout = true
	sink := deliverytest.NewSender(deliverytest.Sequence(deliverytest.Answered(503), silence))
	layer, b := observe.New(seen.counters())(sink), deliverytest.BatchOf(delivery.Traces, 1, 7)
	for range 2 {
		_, err := layer.Send(t.Context(), b)
		require.Error(t, err)
	}
	outcome, err := layer.Send(t.Context(), b)
	require.NoError(t, err)
	assert.Equal(t, delivery.Delivered, outcome)
	assert.Equal(t, []string{
		"attempt retry=false", "failed 503 timeout=false",
		"attempt retry=true", "failed 0 timeout=true",
		"attempt retry=true", "delivered traces 7",
	}, seen.lines)
	assert.Equal(t, 3, b.History.Attempts)
}

func TestOurDoingIsNoError(t *testing.T) {
	for name, script := range map[string]deliverytest.Script{
		"a failure of ours": deliverytest.Always(deliverytest.OurDoing()),
		"the wire was cut": func(ctx context.Context, _ int, _ delivery.Batch) error {
			return &delivery.Failure{Sent: true, Err: context.Cause(ctx)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var seen journal
			ctx, cancel := context.WithCancel(t.Context())
			cut := deliverytest.NewSender(func(_ context.Context, call int, b delivery.Batch) error {
				cancel()
				return script(ctx, call, b)
			})
			_, err := observe.New(seen.counters())(cut).Send(ctx, deliverytest.Batch(1, 1))
			require.Error(t, err)
			assert.Equal(t, []string{"attempt retry=false"}, seen.lines)
		})
	}
}
