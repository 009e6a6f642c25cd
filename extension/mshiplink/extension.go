package mshiplink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/allowance"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/costs"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/pacer"
	"github.com/otelcol-mship/otelcol-mship/internal/storages"
)

// Link is the budget of one uplink.
//
//	exporters ──▶ member ──▶ pacer ──▶ connections ──▶ wire
//	               weight     ▲  ▲
//	            allowance ────┘  └──── windows
type Link struct {
	cfg *Config
	set extension.Settings
	now func() time.Time // nil: the machine's clock; for tests

	// From Start on:
	client  storage.Client     // nil: none is set
	account *allowance.Account // nil: no allowance
	pacer   *pacer.Pacer
	meters  *meters
	costs   *costs.Book
	windows []calendar.Window
	tel     *telemetry
	told    allowance.State
	once    sync.Once // what this kernel lacks is said once
	stop    chan struct{}
	watched sync.WaitGroup
	// unmount takes the link off the console.
	unmount func()
}

var (
	_ extension.Extension             = (*Link)(nil)
	_ extensioncapabilities.Dependent = (*Link)(nil)
	_ extensionmiddleware.HTTPClient  = (*Link)(nil)
	_ extensionmiddleware.GRPCClient  = (*Link)(nil)
)

var errNotStarted = errors.New("mship_link is not started: list it under service::extensions")

// Dependencies has the storage started before and stopped after this extension.
func (l *Link) Dependencies() []component.ID {
	if l.cfg.Storage == nil {
		return nil
	}
	return []component.ID{*l.cfg.Storage}
}

// Start implements component.Component.
func (l *Link) Start(ctx context.Context, host component.Host) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Shutdown(ctx))
		}
	}()
	if l.now == nil {
		l.now = time.Now
	}
	l.stop, l.meters, l.unmount = make(chan struct{}), newMeters(), func() {}
	if l.cfg.Storage != nil {
		if l.client, err = storages.Client(ctx, host, *l.cfg.Storage, l.set.ID); err != nil {
			return err
		}
	}
	if err := l.openCosts(ctx); err != nil {
		return err
	}
	if l.cfg.Allowance == nil {
		l.pacer = pacer.New(int64(l.cfg.BytesPerSecond), l.cfg.burst(), nil)
		l.keepCosts(ctx)
	} else if err := l.openAllowance(ctx); err != nil {
		return err
	}
	if l.tel, err = newTelemetry(l); err != nil {
		return fmt.Errorf("cannot make the metrics: %w", err)
	}
	if err := l.watchWindows(); err != nil {
		return err
	}
	l.unmount = l.mount(host)
	return nil
}

func (l *Link) openAllowance(ctx context.Context) error {
	period, err := l.cfg.Allowance.period()
	if err != nil {
		return err
	}
	quota := &lateQuota{}
	l.pacer = pacer.New(int64(l.cfg.BytesPerSecond), l.cfg.burst(), quota)
	l.account = allowance.Open(ctx, allowance.Settings{
		Plan: allowance.Plan{
			Bytes:  int64(l.cfg.Allowance.Bytes),
			Period: period,
			Slow:   l.cfg.Allowance.OnExhausted == onExhaustedSlow,
			Rate:   int64(l.cfg.BytesPerSecond),
		},
		Client: l.client, Logger: l.set.Logger, Now: l.now, Changed: l.allowanceChanged,
		Beside: l.costsOperation,
	})
	quota.account = l.account
	return nil
}

// lateQuota is an account that is opened after the pacer which it wakes. Nobody draws before Start is done.
type lateQuota struct{ account *allowance.Account }

func (q *lateQuota) Draw(n int) int { return q.account.Draw(n) }
func (q *lateQuota) Return(n int)   { q.account.Return(n) }
func (q *lateQuota) Any() bool      { return q.account.Any() }

// allowanceChanged is called from one goroutine.
func (l *Link) allowanceChanged(s allowance.State) {
	rate := l.cfg.BytesPerSecond
	if s.Exhausted && l.cfg.Allowance.OnExhausted == onExhaustedSlow {
		rate = min(rate, l.cfg.Allowance.SlowBytesPerSecond)
	}
	if l.pacer.Rate() != int64(rate) {
		l.pacer.SetRate(int64(rate))
	}
	l.pacer.Wake()
	switch until := zap.Time("until", s.Next); {
	case s.Exhausted && !l.told.Exhausted && l.cfg.Allowance.OnExhausted == onExhaustedSlow:
		l.set.Logger.Warn("the allowance is used up: the link is slow until the next period begins", zap.Int64("bytes_per_second", int64(rate)), until)
	case s.Exhausted && !l.told.Exhausted:
		l.set.Logger.Warn("the allowance is used up: nothing is sent until the next period begins", until)
	case !s.Exhausted && l.told.Exhausted:
		l.set.Logger.Info("a new period of the allowance has begun", zap.Time("start", s.Start), zap.Int64("bytes", int64(l.cfg.Allowance.Bytes)))
	}
	l.told = s
}

// watchWindows opens and closes the windows until the link shuts down.
func (l *Link) watchWindows() error {
	windows, err := l.cfg.windows()
	if l.windows = windows; err != nil || len(windows) == 0 {
		return err
	}
	open := calendar.Open(windows, l.now())
	l.pacer.SetOpen(open)
	if !open {
		l.sayClosed(windows)
	}
	l.watched.Go(func() { l.followWindows(windows, open) })
	return nil
}

// clockStep is the longest until a clock that jumps is noticed.
const clockStep = 10 * time.Second

func (l *Link) followWindows(windows []calendar.Window, open bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-timer.C:
		}
		now := l.now()
		if is := calendar.Open(windows, now); is != open {
			open = is
			l.pacer.SetOpen(open)
			if open {
				l.set.Logger.Info("a window has opened: everything may flow")
			} else {
				l.sayClosed(windows)
			}
		}
		timer.Reset(min(max(calendar.Change(windows, now).Sub(now), time.Millisecond), clockStep))
	}
}

func (l *Link) sayClosed(windows []calendar.Window) {
	l.set.Logger.Info("the window is closed: only what is urgent may flow", zap.Time("until", calendar.Change(windows, l.now())))
}

// Shutdown implements component.Component. The exporters have stopped before; what waits all the same ends.
func (l *Link) Shutdown(ctx context.Context) error {
	if l.stop == nil {
		return nil
	}
	l.unmount()
	close(l.stop)
	l.watched.Wait()
	var errs []error
	if l.pacer != nil {
		l.pacer.Close()
	}
	if l.tel != nil {
		l.tel.Shutdown()
	}
	if l.account != nil {
		errs = append(errs, l.account.Close(ctx))
	} else {
		errs = append(errs, l.storeCosts(ctx))
	}
	if l.client != nil {
		errs = append(errs, l.client.Close(ctx))
	}
	l.stop, l.tel, l.client = nil, nil, nil
	return errors.Join(errs...)
}
