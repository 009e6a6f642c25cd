package mshiplink

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/costs"
)

// costsKey is part of the format, as the JSON below it is.
const costsKey = "costs"

// keepTime is how much of the costs a kill may forget where there is no allowance.
const keepTime = time.Minute

// costPeriods are the calendar's day and month in the allowance's time zone, or the plan's own.
func (c *Config) costPeriods() (day, month calendar.Period, err error) {
	zone := time.UTC
	if c.Allowance != nil {
		plan, err := c.Allowance.period()
		if err != nil {
			return day, month, err
		}
		if zone = plan.Zone; plan.Per == calendar.PerDay {
			day = plan
		} else {
			month = plan
		}
	}
	if day.Per == "" {
		day = calendar.Period{Per: calendar.PerDay, Day: 1, Zone: zone}
	}
	if month.Per == "" {
		month = calendar.Period{Per: calendar.PerMonth, Day: 1, Zone: zone}
	}
	return day, month, nil
}

func (l *Link) openCosts(ctx context.Context) error {
	day, month, err := l.cfg.costPeriods()
	if err != nil {
		return err
	}
	l.costs = costs.New(costs.Settings{Day: day, Month: month, Now: l.now})
	if l.client == nil {
		return nil
	}
	text, err := l.client.Get(ctx, costsKey)
	if err == nil {
		err = l.costs.Recall(text)
	}
	if err != nil {
		l.set.Logger.Error("what the day and the month have cost cannot be read: it begins at 0", zap.Error(err))
	}
	return nil
}

func (l *Link) costsOperation() *storage.Operation {
	return storage.SetOperation(costsKey, l.costs.Encode())
}

// keepCosts stores the costs now and then. Where there is an allowance they go with its count instead.
func (l *Link) keepCosts(ctx context.Context) {
	if l.client == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	l.watched.Go(func() {
		ticker := time.NewTicker(keepTime)
		defer ticker.Stop()
		for failed := false; ; {
			select {
			case <-l.stop:
				return
			case <-ticker.C:
			}
			err := l.storeCosts(ctx)
			if err != nil && !failed {
				l.set.Logger.Warn("what the day and the month have cost cannot be stored: it is kept in memory, and a kill forgets it, until the storage takes it", zap.Error(err))
			}
			failed = err != nil
		}
	})
}

func (l *Link) storeCosts(ctx context.Context) error {
	if l.client == nil || l.costs == nil || !l.costs.Changed() {
		return nil
	}
	return l.client.Set(ctx, costsKey, l.costs.Encode())
}
