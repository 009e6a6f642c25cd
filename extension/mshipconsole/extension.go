package mshipconsole

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/conns"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/sinks"
)

// farewell is how long answers that are under way may take at a shutdown.
const farewell = time.Second

// console shows what the exporters mount, and the links.
//
//	browser ──▶ few connections ──▶ known name ──▶ same site ─┬─▶ page
//	                                                          └─▶ auth ──▶ API ──▶ a sink's handler
//	clock ────▶ every sink's status ──▶ history, forecast
type console struct {
	cfg    *Config
	set    extension.Settings
	mounts *sinks.Mounts
	links  *sinks.Mounts
	conns  *conns.Limit

	// From Start on:
	server  *http.Server
	address string
	cancel  context.CancelFunc
	running sync.WaitGroup
}

var _ extension.Extension = (*console)(nil)

func newConsole(cfg *Config, set extension.Settings) *console {
	return &console{
		cfg: cfg, set: set, conns: conns.New(cfg.MaxConnections),
		mounts: sinks.New("sink", cfg.SampleInterval, set.Logger), links: sinks.New("link", cfg.SampleInterval, set.Logger),
	}
}

// Mount serves h below the name until unmount is called. h gets paths relative to its mount ("/status").
// After unmount it is not called; calls under way have their context ended.
func (c *console) Mount(name string, h http.Handler) (unmount func(), err error) {
	return c.mounts.Mount(name, h)
}

// MountLink is Mount for a link: an extension that paces what all exporters send. h answers GET /status.
func (c *console) MountLink(name string, h http.Handler) (unmount func(), err error) {
	return c.links.Mount(name, h)
}

// Start implements component.Component.
func (c *console) Start(ctx context.Context, host component.Host) error {
	server, err := c.newServer(ctx, host)
	if err != nil {
		return err
	}
	listener, err := c.cfg.Server.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("the console cannot listen on %s; set another endpoint if something else does: %w", c.cfg.Server.NetAddr.Endpoint, err)
	}
	c.warn()
	c.server, c.address = server, listener.Addr().String()
	c.set.Logger.Info("the console is up", zap.String("address", c.address))
	c.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.set.Logger.Error("the console has ended; telemetry flows on", zap.Error(err))
			componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(err))
		}
	})
	sampling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	c.running.Go(func() { c.sample(sampling) })
	return nil
}

func (c *console) warn() {
	if c.cfg.isLocal() {
		return
	}
	if !c.cfg.Server.Auth.HasValue() {
		c.set.Logger.Warn("everybody on the network can use the console: set auth and tls", zap.String("endpoint", c.cfg.Server.NetAddr.Endpoint))
	} else if !c.cfg.Server.TLS.HasValue() {
		c.set.Logger.Warn("the console's credentials cross the network in the clear: set tls", zap.String("endpoint", c.cfg.Server.NetAddr.Endpoint))
	}
}

// Shutdown implements component.Component. The exporters have unmounted before.
func (c *console) Shutdown(ctx context.Context) error {
	if c.server == nil {
		return nil
	}
	c.cancel()
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	c.conns.CloseWaiting()
	err := c.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = c.server.Close()
	}
	c.running.Wait()
	c.server = nil
	return err
}
