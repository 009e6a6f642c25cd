package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

func TestChainOrder(t *testing.T) {
	var passed []string
	layer := func(name string) delivery.Layer {
		return func(next delivery.Sender) delivery.Sender {
			return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
				passed = append(passed, name)
				return next.Send(ctx, b)
			})
		}
	}
	sink := deliverytest.NewSender(deliverytest.Sequence())
	outcome, err := delivery.Chain(sink, layer("outer"), layer("middle"), layer("inner")).Send(t.Context(), deliverytest.Batch(1, 1))
	require.NoError(t, err)
	assert.Equal(t, delivery.Delivered, outcome)
	assert.Equal(t, []string{"outer", "middle", "inner"}, passed)
	assert.Equal(t, 1, sink.Calls())
}

func TestIDOfParts(t *testing.T) {
	whole := delivery.ID(uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"))
	assert.Equal(t, "01890a5d-ac96-774b-bcce-b302099a8057", whole.String())

	seen := map[delivery.ID]bool{whole: true}
	for _, id := range []delivery.ID{
		whole.Part(0), whole.Part(1),
		whole.Part(0).Part(0), whole.Part(0).Part(1), whole.Part(1).Part(0), whole.Part(1).Part(1),
	} {
		assert.False(t, seen[id], "two parts share an id")
		seen[id] = true
		parsed, err := uuid.Parse(id.String())
		require.NoError(t, err)
		assert.Equal(t, uuid.Version(8), parsed.Version())
		assert.Equal(t, uuid.RFC4122, parsed.Variant())
	}
	again := whole
	assert.Equal(t, whole.Part(1), again.Part(1), "the same part has the same id after a restart")
	assert.Equal(t, "01890a5d-ac96-774b-bcce-b302099a8057", whole.String(), "deriving an id leaves the whole's alone")
}

func TestRemains(t *testing.T) {
	b := deliverytest.Batch(1, 4)
	assert.Equal(t, []delivery.Batch{b}, b.Remains())
	parts := []delivery.Batch{deliverytest.Batch(2, 1), deliverytest.Batch(4, 1)}
	b.History.Parts = parts
	assert.Equal(t, parts, b.Remains())
}

func TestHistoryOfAPart(t *testing.T) {
	h := &delivery.History{
		FirstSeen: time.Unix(7, 0), Attempts: 3, Failures: 2, FirstRefused: 11, LastCounted: 12, Refusals: 4,
		Witnessed: true, Rounds: 1, Halved: true, Parts: []delivery.Batch{deliverytest.Batch(1, 1)},
	}
	part := h.Part()
	assert.Equal(t, time.Unix(7, 0), part.FirstSeen)
	assert.Equal(t, uint64(11), part.FirstRefused, "an accept after the whole's refusal testifies for its parts")
	assert.True(t, part.Witnessed)
	assert.Empty(t, part.Parts)
	assert.False(t, part.Halved)
	assert.Zero(t, part.Refusals, "the part itself was never refused")
}

func TestAsFailure(t *testing.T) {
	f := deliverytest.Refusal(400)
	assert.Same(t, f, delivery.AsFailure(f))
	assert.Same(t, f, delivery.AsFailure(fmt.Errorf("wrapped: %w", f)))

	other := errors.New("no idea")
	assert.Equal(t, delivery.Path, delivery.AsFailure(other).Fault, "what nobody classified is retried, never condemned")
	assert.ErrorIs(t, delivery.AsFailure(other), other)
}

func TestFailureSays(t *testing.T) {
	cause := errors.New("cause")
	assert.Equal(t, "message: cause", (&delivery.Failure{Message: "message", Err: cause}).Error())
	assert.Equal(t, "message", (&delivery.Failure{Message: "message"}).Error())
	assert.Equal(t, "cause", (&delivery.Failure{Err: cause}).Error())
	assert.ErrorIs(t, &delivery.Failure{Err: cause}, cause)
}

func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		failure delivery.Failure
		refused bool
	}{
		"400":                             {delivery.Failure{Fault: delivery.ThisBatch, Status: 400, Sent: true}, true},
		"the sink's own word":             {delivery.Failure{Fault: delivery.ThisBatch, Sent: true}, true},
		"500":                             {delivery.Failure{Status: 500, Sent: true}, true},
		"401":                             {delivery.Failure{Status: 401, Sent: true}, true},
		"503 with a time":                 {delivery.Failure{Status: 503, Sent: true, RetryAfter: time.Second}, false},
		"429":                             {delivery.Failure{Status: 429, Sent: true}, false},
		"429 as permanent_status_codes":   {delivery.Failure{Fault: delivery.ThisBatch, Status: 429, Sent: true}, true},
		"redirect":                        {delivery.Failure{Status: 302, Sent: true}, false},
		"captive portal":                  {delivery.Failure{Status: 200, Sent: true}, false},
		"no answer":                       {delivery.Failure{Sent: true}, false},
		"kept off the wire":               {delivery.Failure{Status: 500}, false},
		"kept off the wire, parking full": {delivery.Failure{Fault: delivery.ThisBatch}, false},
		"shutdown":                        {delivery.Failure{Fault: delivery.Us, Sent: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.refused, test.failure.Refused())
		})
	}
}

func TestNames(t *testing.T) {
	for outcome, name := range map[delivery.Outcome]string{
		0: "none", delivery.Delivered: "delivered", delivery.Duplicate: "duplicate",
		delivery.DeadLettered: "dead_lettered", delivery.Requeued: "requeued",
	} {
		assert.Equal(t, name, outcome.String())
	}
	for fault, name := range map[delivery.Fault]string{
		delivery.Path: "the path or the far end", delivery.ThisBatch: "this batch", delivery.Us: "us",
	} {
		assert.Equal(t, name, fault.String())
	}
}

func TestAnswer(t *testing.T) {
	assert.Nil(t, delivery.AnswerFrom(t.Context()))

	a := &delivery.Answer{Signal: delivery.Logs}
	ctx := delivery.WithAnswer(t.Context(), a)
	require.Same(t, a, delivery.AnswerFrom(ctx))
	_, seen := a.Reply()
	assert.False(t, seen, "nothing passed the wire")

	yes, no := delivery.Reply{Status: 200, Accepted: true}, delivery.Reply{Status: 503}
	some := delivery.Reply{Status: 200, Accepted: true, Rejected: 2, Why: "too old"}
	both := some
	both.Rejected = 4
	for name, test := range map[string]struct {
		replies []delivery.Reply
		want    delivery.Reply
	}{
		"accepted":                         {[]delivery.Reply{yes}, yes},
		"refused":                          {[]delivery.Reply{no}, no},
		"one of two requests was refused":  {[]delivery.Reply{yes, no}, no},
		"an accept never covers a refusal": {[]delivery.Reply{no, yes}, no},
		"what was not taken of one":        {[]delivery.Reply{some, yes}, some},
		"what was not taken of another":    {[]delivery.Reply{yes, some}, some},
		"what was not taken of both":       {[]delivery.Reply{some, some}, both},
		"nothing was taken of the other":   {[]delivery.Reply{some, no}, no},
		"the last refusal counts":          {[]delivery.Reply{no, {Status: 400}}, delivery.Reply{Status: 400}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &delivery.Answer{}
			for _, r := range test.replies {
				a.Record(r)
			}
			got, seen := a.Reply()
			assert.True(t, seen)
			assert.Equal(t, test.want, got)
		})
	}
}
