package mshiplink

import (
	"errors"
	"fmt"
	"strconv"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
	"github.com/otelcol-mship/otelcol-mship/internal/valid"
)

// The settings that are words.
const (
	onExhaustedHold = "hold"
	onExhaustedSlow = "slow"
)

const (
	leastRate  = 128
	leastBurst = 1024
	// burstShare of bytes_per_second, 1/n, is the burst where none is set; burstLimit is the least.
	burstShare = 8
	burstLimit = 50
)

// Config of the extension. The README explains every setting.
type Config struct {
	// BytesPerSecond over any one second, exceeded by no more than Burst.
	BytesPerSecond Size `mapstructure:"bytes_per_second"`
	// Burst in bytes; 0 is an eighth of a second.
	Burst Size `mapstructure:"burst"`
	// Allowance of a plan; nil is none.
	Allowance *Allowance `mapstructure:"allowance"`
	// Windows when bulk may flow; none is always.
	Windows []Window `mapstructure:"windows"`
	// Storage extension that keeps the allowance's count.
	Storage *component.ID `mapstructure:"storage"`
}

// Allowance is a plan's quota.
type Allowance struct {
	Bytes Size `mapstructure:"bytes"`
	// Per is day or month.
	Per string `mapstructure:"per"`
	// Reset is when a period begins: "06:00", or "15 06:00" for a month.
	Reset string `mapstructure:"reset"`
	// Timezone of Reset.
	Timezone string `mapstructure:"timezone"`
	// OnExhausted is hold or slow.
	OnExhausted string `mapstructure:"on_exhausted"`
	// SlowBytesPerSecond is the rate of slow.
	SlowBytesPerSecond Size `mapstructure:"slow_bytes_per_second"`
}

// Window is when bulk may flow.
type Window struct {
	Days     []string `mapstructure:"days"`
	From     string   `mapstructure:"from"`
	To       string   `mapstructure:"to"`
	Timezone string   `mapstructure:"timezone"`
}

var (
	_ confmap.Validator   = (*Config)(nil)
	_ confmap.Unmarshaler = (*Allowance)(nil)
)

func createDefaultConfig() *Config { return &Config{} }

// Unmarshal implements confmap.Unmarshaler. A day of the month is a number to YAML.
func (a *Allowance) Unmarshal(conf *confmap.Conf) error {
	if day, ok := conf.Get("reset").(int); ok {
		if err := conf.Merge(confmap.NewFromStringMap(map[string]any{"reset": strconv.Itoa(day)})); err != nil {
			return err
		}
	}
	for key, word := range map[string]string{"per": calendar.PerMonth, "on_exhausted": onExhaustedHold} {
		if !conf.IsSet(key) {
			if err := conf.Merge(confmap.NewFromStringMap(map[string]any{key: word})); err != nil {
				return err
			}
		}
	}
	return conf.Unmarshal(a)
}

// Validate finds settings that make no sense.
func (c *Config) Validate() error {
	rate := c.BytesPerSecond
	least := max(leastBurst, rate/burstLimit)
	errs := []error{
		valid.If(rate >= leastRate, "bytes_per_second must be %d or more, found %d; set what the link may carry, such as 524288", leastRate, rate),
		valid.If(c.Burst == 0 || c.Burst >= least, "burst must be %d or more at this bytes_per_second, or 0 for an eighth of a second; found %d", least, c.Burst),
	}
	if c.Allowance != nil {
		errs = append(errs, c.Allowance.validate(),
			valid.If(c.Storage != nil, "storage must be set where there is an allowance, such as mship_storage: else a restart would begin it afresh"))
	}
	_, err := c.windows()
	return errors.Join(append(errs, err)...)
}

func (a *Allowance) validate() error {
	_, err := a.period()
	return errors.Join(err,
		valid.If(a.Bytes > 0, "allowance::bytes must be more than 0, such as 10GiB; found %d", a.Bytes),
		valid.If(a.OnExhausted == onExhaustedHold || a.OnExhausted == onExhaustedSlow, "allowance::on_exhausted must be %s or %s, found %q", onExhaustedHold, onExhaustedSlow, a.OnExhausted),
		valid.If(a.OnExhausted != onExhaustedSlow || a.SlowBytesPerSecond >= leastRate, "allowance::slow_bytes_per_second must be %d or more where on_exhausted is slow, found %d", leastRate, a.SlowBytesPerSecond),
		valid.If(a.OnExhausted != onExhaustedHold || a.SlowBytesPerSecond == 0, "allowance::slow_bytes_per_second says nothing where on_exhausted is hold: set on_exhausted: slow, or remove it"),
	)
}

func (a *Allowance) period() (calendar.Period, error) {
	zone, err := calendar.ParseZone(a.Timezone)
	if err != nil {
		return calendar.Period{}, fmt.Errorf("allowance: %w", err)
	}
	p, err := calendar.ParsePeriod(a.Per, a.Reset, zone)
	if err != nil {
		return p, fmt.Errorf("allowance: %w", err)
	}
	return p, nil
}

func (c *Config) burst() int64 {
	if c.Burst > 0 {
		return int64(c.Burst)
	}
	return int64(max(c.BytesPerSecond/burstShare, 4*leastBurst))
}

func (c *Config) windows() (windows []calendar.Window, err error) {
	for i, w := range c.Windows {
		parsed, e := w.parse()
		if e != nil {
			err = errors.Join(err, fmt.Errorf("windows[%d]: %w", i, e))
		}
		windows = append(windows, parsed)
	}
	return windows, err
}

func (w Window) parse() (calendar.Window, error) {
	days, err := calendar.ParseDays(w.Days)
	from, errFrom := calendar.ParseClock(w.From)
	to, errTo := calendar.ParseClock(w.To)
	zone, errZone := calendar.ParseZone(w.Timezone)
	return calendar.Window{Days: days, From: from, To: to, Zone: zone}, errors.Join(err, errFrom, errTo, errZone)
}
