// Package sink builds the user's exporter, sends through it, and tells from
// the answer whose fault a failure is.
package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/service/hostcapabilities"
	mnoop "go.opentelemetry.io/otel/metric/noop"
	tnoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// ProbeID is the name under which only the sink finds the probe.
var ProbeID = component.MustNewIDWithName("mship_probe", "internal")

// Builder makes the sink of one exporter, once for each signal.
type Builder struct {
	Settings Settings
	// Probe is the client middleware that sees the true answers.
	Probe component.Component
	// Set is our own exporter's; the sink inherits its build info and, filtered, its logger.
	Set exporter.Settings
	// Statuses that the user moved from one class of failure to another.
	Retryable, Permanent []int
	// OnPartial, if set, hears of a batch that the far end took but for some
	// records, with what it says of them, before the batch is delivered.
	OnPartial func(b delivery.Batch, rejected int64, why string)
}

// errIsMship: a sink that is itself mship.
var errIsMship = errors.New("sink: mship cannot wrap itself; name the exporter that sends, such as otlp_http")

// Check finds what is wrong with the section as it is written.
func (s *Settings) Check(self component.Type) error {
	id, _, err := s.Entry()
	if err != nil {
		return err
	}
	if id.Type() == self {
		return errIsMship
	}
	return nil
}

// Build makes and starts the sink for one signal. The sink's own queue, retry
// and telemetry are off: the chain around it has them.
func (b *Builder) Build(ctx context.Context, host component.Host, signal delivery.Signal) (*Sink, error) {
	id, conf, err := b.Settings.Entry()
	if err != nil {
		return nil, err
	}
	factory, err := findFactory(host, id.Type())
	if err != nil {
		return nil, err
	}
	settings, probed, err := decode(factory, conf)
	if err != nil {
		return nil, named(id, err)
	}
	b.warnOverridden(id, conf, probed)
	s := &Sink{classes: newClasses(b.Retryable, b.Permanent), signal: signal, probed: probed, onPartial: b.OnPartial, compression: compression(settings)}
	if err := s.create(ctx, factory, b.nested(id), settings, signal); err != nil {
		if errors.Is(err, pipeline.ErrSignalNotSupported) {
			return nil, fmt.Errorf("sink::%s does not take %s: remove this exporter from the %s pipelines, or choose a sink that does", id, signal, signal)
		}
		return nil, named(id, err)
	}
	if err := s.component.Start(ctx, &hostWithProbe{Host: host, probe: b.Probe}); err != nil {
		return nil, errors.Join(named(id, err), s.component.Shutdown(ctx))
	}
	return s, nil
}

// named says which sink is at fault. A URL that cannot be read is left out, and
// what net/url has to say of it: either can hold a password.
func named(id component.ID, err error) error {
	if bad, ok := errors.AsType[*url.Error](err); ok {
		err = errors.New(strings.ReplaceAll(err.Error(), bad.Error(), "one of its URLs cannot be read (it is not shown: it can hold a password)"))
	}
	return fmt.Errorf("sink::%s: %w", id, err)
}

func findFactory(host component.Host, t component.Type) (exporter.Factory, error) {
	finder, ok := host.(hostcapabilities.ComponentFactory)
	if !ok {
		return nil, errors.New("this collector does not let components find factories, so mship cannot build its sink")
	}
	factory, ok := finder.GetFactory(component.KindExporter, t).(exporter.Factory)
	if !ok || factory == nil {
		return nil, fmt.Errorf("sink: this distribution has no exporter %q; `otelcol-mship components` lists those it has", t)
	}
	return factory, nil
}

func decode(factory exporter.Factory, conf *confmap.Conf) (settings component.Config, probed bool, err error) {
	settings = factory.CreateDefaultConfig()
	if err := conf.Unmarshal(settings); err != nil {
		return nil, false, oneLine(err)
	}
	if err := checkKeys(settings, conf.ToStringMap()); err != nil {
		return nil, false, err
	}
	if probed, err = takeOver(settings, ProbeID); err != nil {
		return nil, false, err
	}
	return settings, probed, confmap.Validate(settings)
}

// oneLine: the decoder spreads an error over paragraphs.
func oneLine(err error) error {
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}

// warnOverridden names what the user wrote and the chain takes over.
func (b *Builder) warnOverridden(id component.ID, conf *confmap.Conf, probed bool) {
	for _, key := range []string{"sending_queue", "retry_on_failure", "timeout"} {
		if conf.IsSet(key) && (probed || key != "timeout") {
			b.Set.Logger.Warn("a setting of the sink has no effect here: set it for the exporter mship itself",
				zap.String("setting", "sink::"+id.String()+"::"+key))
		}
	}
}

// nested are the sink's settings. Its exporterhelper would count everything a
// second time and log every attempt, so it meets a silent meter and tracer and
// a filtered logger.
func (b *Builder) nested(id component.ID) exporter.Settings {
	set := b.Set
	set.ID = component.NewIDWithName(id.Type(), b.Set.ID.String())
	set.MeterProvider = mnoop.NewMeterProvider()
	set.TracerProvider = tnoop.NewTracerProvider()
	return set
}

func (s *Sink) create(ctx context.Context, f exporter.Factory, set exporter.Settings, cfg component.Config, signal delivery.Signal) error {
	switch signal {
	case delivery.Logs:
		e, err := f.CreateLogs(ctx, set, cfg)
		if err != nil {
			return err
		}
		s.component = e
		s.consume = func(ctx context.Context, p any) error {
			return e.ConsumeLogs(ctx, own(e.Capabilities().MutatesData, p.(plog.Logs), plog.NewLogs))
		}
	case delivery.Metrics:
		e, err := f.CreateMetrics(ctx, set, cfg)
		if err != nil {
			return err
		}
		s.component = e
		s.consume = func(ctx context.Context, p any) error {
			return e.ConsumeMetrics(ctx, own(e.Capabilities().MutatesData, p.(pmetric.Metrics), pmetric.NewMetrics))
		}
	default:
		e, err := f.CreateTraces(ctx, set, cfg)
		if err != nil {
			return err
		}
		s.component = e
		s.consume = func(ctx context.Context, p any) error {
			return e.ConsumeTraces(ctx, own(e.Capabilities().MutatesData, p.(ptrace.Traces), ptrace.NewTraces))
		}
	}
	return nil
}

// own gives a sink that changes its data a copy: the batch may have to be sent again.
func own[T interface{ CopyTo(T) }](mutates bool, data T, empty func() T) T {
	if !mutates {
		return data
	}
	c := empty()
	data.CopyTo(c)
	return c
}

// hostWithProbe shows the sink the probe among the extensions.
type hostWithProbe struct {
	component.Host
	probe component.Component
}

// GetExtensions implements component.Host.
func (h *hostWithProbe) GetExtensions() map[component.ID]component.Component {
	all := maps.Clone(h.Host.GetExtensions())
	if all == nil {
		all = map[component.ID]component.Component{}
	}
	all[ProbeID] = h.probe
	return all
}
