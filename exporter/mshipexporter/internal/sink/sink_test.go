package sink

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

func conf(t *testing.T, yaml string) *confmap.Conf {
	t.Helper()
	r, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	c, err := r.AsConf()
	require.NoError(t, err)
	return c
}

// What the chain does itself is off in the sink, and the probe is next to the wire.
func TestTakeOver(t *testing.T) {
	settings, probed, err := decode(otlphttpexporter.NewFactory(), conf(t, `{endpoint: http://x, timeout: 3s, middlewares: [{id: users}]}`))
	require.NoError(t, err)
	assert.True(t, probed)
	h := settings.(*otlphttpexporter.Config)
	assert.False(t, h.QueueConfig.HasValue())
	assert.False(t, h.RetryConfig.Enabled)
	assert.Zero(t, h.ClientConfig.Timeout)
	assert.Equal(t, []configmiddleware.Config{{ID: component.MustNewID("users")}, {ID: ProbeID}}, h.ClientConfig.Middlewares)

	settings, probed, err = decode(otlpexporter.NewFactory(), conf(t, `{endpoint: "x:1"}`))
	require.NoError(t, err)
	assert.True(t, probed)
	g := settings.(*otlpexporter.Config)
	assert.False(t, g.QueueConfig.HasValue())
	assert.False(t, g.RetryConfig.Enabled)
	assert.Zero(t, g.TimeoutConfig.Timeout)
	assert.Equal(t, []configmiddleware.Config{{ID: ProbeID}}, g.ClientConfig.Middlewares)

	_, probed, err = decode(debugexporter.NewFactory(), conf(t, `{}`))
	require.NoError(t, err)
	assert.False(t, probed)
}

func TestTakeOverOfWhatItDoesNotKnow(t *testing.T) {
	for message, settings := range map[string]any{
		`its settings are a struct {}`: struct{}{},
		`its setting "middlewares" is a string, which mship does not know how to take over`: &struct {
			M string `mapstructure:"middlewares"`
		}{},
		`its setting "sending_queue" is a bool, which mship does not know how to take over`: &struct {
			Q bool `mapstructure:"sending_queue"`
		}{},
	} {
		_, err := takeOver(settings, ProbeID)
		assert.ErrorContains(t, err, message)
	}
}

func TestTheSinkWithoutAProbeKeepsItsTimeout(t *testing.T) {
	settings := &struct {
		Timeout time.Duration `mapstructure:"timeout"`
	}{3 * time.Second}
	probed, err := takeOver(settings, ProbeID)
	require.NoError(t, err)
	assert.False(t, probed)
	assert.Equal(t, 3*time.Second, settings.Timeout)
}

func TestUnknownKeysAreNamed(t *testing.T) {
	http := otlphttpexporter.NewFactory()
	for yaml, key := range map[string]string{
		`{endpoint: http://x, endpont: y}`:                        `"endpont"`,
		`{endpoint: http://x, tls: {insecure: true, insecur: y}}`: `"tls::insecur"`,
		`{endpoint: http://x, compression_params: {leve: 3}}`:     `"compression_params::leve"`,
		`{endpoint: http://x, Endpoint: y}`:                       `"Endpoint"`,
		`{endpoint: http://x, keepalive: {idle_conn_timeot: 3s}}`: `idle_conn_timeot`,
		`{endpoint: http://x, sending_queue: {queue_sise: 3}}`:    `queue_sise`,
		`{endpoint: http://x, retry_on_failure: {enable: true}}`:  `enable`,
	} {
		_, _, err := decode(http, conf(t, yaml))
		assert.ErrorContains(t, err, key, yaml)
	}
	for _, yaml := range []string{
		`{endpoint: http://x, tls: {insecure: true, min_version: "1.2"}, headers: {any-thing: goes}, compression: zstd, compression_params: {level: 11}}`,
		`{endpoint: http://x, keepalive: {idle_conn_timeout: 3s}, auth: {authenticator: bearertokenauth}, max_conns_per_host: 1}`,
		`{logs_endpoint: http://x, encoding: json, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}, cookies: {}}`,
	} {
		_, _, err := decode(http, conf(t, yaml))
		assert.NoError(t, err, yaml)
	}
	assert.Contains(t, lenient, reflect.TypeFor[confighttp.ClientConfig]())
}

func TestWhoseFaultAStatusIs(t *testing.T) {
	c := newClasses([]int{422}, []int{404, 500})
	for fault, statuses := range map[delivery.Fault][]int{
		delivery.Path:      {200, 204, 301, 302, 307, 401, 403, 407, 408, 429, 422, 501, 502, 503, 504, 511, 599},
		delivery.ThisBatch: {400, 402, 405, 409, 410, 413, 415, 418, 431, 451, 404, 500},
	} {
		for _, status := range statuses {
			assert.Equal(t, fault, c.fault(status), "%d", status)
		}
	}
	assert.Equal(t, delivery.Path, newClasses(nil, nil).fault(404))
	assert.Equal(t, delivery.Path, newClasses(nil, nil).fault(500))
	assert.Equal(t, delivery.ThisBatch, newClasses(nil, nil).fault(422))
}

func TestVerdict(t *testing.T) {
	permanent := consumererror.NewPermanent(errors.New("no such topic"))
	lost := errors.New("connection reset")
	for name, c := range map[string]struct {
		reply *delivery.Reply
		err   error
		want  *delivery.Failure
	}{
		"accepted":                       {&delivery.Reply{Status: 200, Accepted: true}, nil, nil},
		"accepted, the sink disagrees":   {&delivery.Reply{Status: 204, Accepted: true}, permanent, nil},
		"the sink's own word":            {nil, nil, nil},
		"no proof, the sink is content":  {&delivery.Reply{Status: 200, Message: "portal"}, nil, &delivery.Failure{Status: 200, Message: "portal", Sent: true}},
		"500 that the sink calls final":  {&delivery.Reply{Status: 500}, permanent, &delivery.Failure{Status: 500, Sent: true}},
		"400":                            {&delivery.Reply{Status: 400}, permanent, &delivery.Failure{Fault: delivery.ThisBatch, Status: 400, Sent: true}},
		"413, later":                     {&delivery.Reply{Status: 413, RetryAfter: time.Second}, permanent, &delivery.Failure{Status: 413, RetryAfter: time.Second, Sent: true}},
		"a broken connection":            {&delivery.Reply{Broken: true, Err: lost}, lost, &delivery.Failure{Broken: true, Err: lost, Sent: true}},
		"the same of gRPC":               {&delivery.Reply{Status: 503, Broken: true}, lost, &delivery.Failure{Status: 503, Broken: true, Sent: true}},
		"silence":                        {&delivery.Reply{Timeout: true, Message: "no answer", Err: lost}, lost, &delivery.Failure{Timeout: true, Message: "no answer", Err: lost, Sent: true}},
		"final, by a sink without probe": {nil, permanent, &delivery.Failure{Fault: delivery.ThisBatch, Message: "the sink refuses the batch for good", Err: permanent, Sent: true}},
		"error, by a sink without probe": {nil, lost, &delivery.Failure{Err: lost, Sent: true}},
		"timeout of a sink's own":        {nil, context.DeadlineExceeded, &delivery.Failure{Timeout: true, Err: context.DeadlineExceeded, Sent: true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Sink{classes: newClasses(nil, nil), signal: delivery.Logs, consume: func(ctx context.Context, _ any) error {
				if c.reply != nil {
					delivery.AnswerFrom(ctx).Record(*c.reply)
				}
				return c.err
			}}
			outcome, err := s.Send(t.Context(), deliverytest.Batch(0, 1))
			if c.want == nil {
				require.NoError(t, err)
				assert.Equal(t, delivery.Delivered, outcome)
				return
			}
			assert.Equal(t, c.want, err)
		})
	}
}

// What was not taken of a batch that was is told, once, and never more than there was.
func TestWhatWasNotTaken(t *testing.T) {
	for name, c := range map[string]struct {
		reply delivery.Reply
		want  []int64
	}{
		"all taken":      {delivery.Reply{Accepted: true}, nil},
		"some not":       {delivery.Reply{Accepted: true, Rejected: 2, Why: "too old"}, []int64{2}},
		"more than sent": {delivery.Reply{Accepted: true, Rejected: 1 << 30, Why: "too old"}, []int64{5}},
		"not delivered":  {delivery.Reply{Status: 503, Rejected: 2, Why: "too old"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var told []int64
			s := &Sink{
				classes: newClasses(nil, nil), signal: delivery.Logs,
				consume: func(ctx context.Context, _ any) error { delivery.AnswerFrom(ctx).Record(c.reply); return nil },
				onPartial: func(b delivery.Batch, rejected int64, why string) {
					assert.Equal(t, "too old", why)
					assert.Equal(t, 5, b.Payload.Records())
					told = append(told, rejected)
				},
			}
			_, err := s.Send(t.Context(), deliverytest.Batch(0, 5))
			assert.Equal(t, c.reply.Accepted, err == nil)
			assert.Equal(t, c.want, told)
			s.onPartial = nil
			_, _ = s.Send(t.Context(), deliverytest.Batch(0, 5))
		})
	}
}

// A sink that changes what it is given gets a copy: the batch may be sent again.
func TestASinkThatChangesItsDataGetsACopy(t *testing.T) {
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty()
	copied := own(true, ld, plog.NewLogs)
	copied.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	assert.Equal(t, 1, ld.ResourceLogs().Len())
	assert.Equal(t, ld, own(false, ld, plog.NewLogs))
}

func TestTheSinksTelemetryIsSilent(t *testing.T) {
	b := Builder{Set: exporter.Settings{ID: component.MustNewIDWithName("mship", "shore")}}
	set := b.nested(component.MustNewID("otlp_http"))
	assert.Equal(t, "otlp_http/mship/shore", set.ID.String())
	require.NotNil(t, set.MeterProvider)
	require.NotNil(t, set.TracerProvider)
}
