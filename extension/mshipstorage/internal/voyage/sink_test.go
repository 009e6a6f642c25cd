package voyage

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

const protobuf = "application/x-protobuf"

// sinkType is the real one's, so that the sink is treated as such.
var sinkType = component.MustNewType("otlp_http")

type sinkConfig struct {
	Middlewares []configmiddleware.Config `mapstructure:"middlewares"`
}

// sink speaks OTLP over HTTP through its middlewares, but over no network.
type sink struct {
	consumer.Logs
	cfg  *sinkConfig
	wire http.RoundTripper
}

func sinks(w wire) exporter.Factory {
	create := func(_ context.Context, _ exporter.Settings, cfg component.Config) (exporter.Logs, error) {
		s := &sink{cfg: cfg.(*sinkConfig), wire: w}
		var err error
		s.Logs, err = consumer.NewLogs(s.send)
		return s, err
	}
	return exporter.NewFactory(sinkType, func() component.Config { return &sinkConfig{} },
		exporter.WithLogs(create, component.StabilityLevelStable))
}

// Start implements component.Component.
func (s *sink) Start(ctx context.Context, host component.Host) error {
	for _, m := range s.cfg.Middlewares {
		wrap, err := m.GetHTTPClientRoundTripper(ctx, host.GetExtensions())
		if err != nil {
			return err
		}
		if s.wire, err = wrap(ctx, s.wire); err != nil {
			return err
		}
	}
	return nil
}

// Shutdown implements component.Component.
func (*sink) Shutdown(context.Context) error { return nil }

func (s *sink) send(ctx context.Context, ld plog.Logs) error {
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://coast.test/v1/logs", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", protobuf)
	resp, err := s.wire.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusBadRequest {
		return consumererror.NewPermanent(fmt.Errorf("status %d", resp.StatusCode))
	}
	return nil
}
