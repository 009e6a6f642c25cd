package mshipexporter

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"golang.org/x/net/http/httpguts"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/metadata"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sink"
	"github.com/otelcol-mship/otelcol-mship/internal/valid"
)

// The two kinds of delivery proof.
const (
	proofOTLP   = "otlp"
	proofStatus = "status"
)

// What becomes of a batch that is to be parked where dead_letter::max_bytes is used up.
const (
	onFullHold = "hold"
	onFullDrop = "drop_oldest"
)

// When the records of a parcel are ordered so that they compress.
const (
	regroupAuto = "auto"
	regroupOff  = "off"
)

// mostWeight is a hundred times what anybody needs.
const mostWeight = 10_000

// mostFresh leaves what is old a twentieth.
const mostFresh = 0.95

// leastDeadLetters has room for any batch that a receiver takes by default.
const leastDeadLetters = 1 << 20

// Config of the exporter. The README explains every setting.
type Config struct {
	// Sink is exactly one exporter of this distribution, with its own settings.
	Sink sink.Settings `mapstructure:"sink"`
	// Timeout is how long the far end may be silent: neither take a byte nor answer.
	Timeout time.Duration `mapstructure:"timeout"`
	// Retry says when a batch is sent again, and when it gives up its turn.
	Retry RetryConfig `mapstructure:"retry_on_failure"`
	// DeliveryProof is what counts as taken: otlp or status.
	DeliveryProof string `mapstructure:"delivery_proof"`
	// Queue is the collector's own sending queue.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// CircuitBreaker keeps us off the wire while the far end is down.
	CircuitBreaker CircuitBreakerConfig `mapstructure:"circuit_breaker"`
	// DeadLetter parks what must not be sent again.
	DeadLetter DeadLetterConfig `mapstructure:"dead_letter"`
	// Link is the mship_link that the sink's connections are made over; nil for none.
	Link *component.ID `mapstructure:"link"`
	// LinkWeight is the share of the link beside the others'.
	LinkWeight int `mapstructure:"link_weight"`
	// Urgent is what may be sent at any hour.
	Urgent bool `mapstructure:"urgent"`
	// Regroup says whether parcels are ordered so that they compress: auto or off.
	Regroup string `mapstructure:"regroup"`
	// FreshShare is what new batches have of the bytes while older ones wait; 0 sends in order.
	FreshShare float64 `mapstructure:"fresh_share"`
	// FreshFor is how long a batch is new.
	FreshFor time.Duration `mapstructure:"fresh_for"`
	// Idempotency keeps a batch from being delivered twice.
	Idempotency IdempotencyConfig `mapstructure:"idempotency"`
}

// RetryConfig is the collector's own backoff and three settings more.
type RetryConfig struct {
	BackOff configretry.BackOffConfig `mapstructure:",squash"`
	// MaxRetries is how many refusals, with others taken in between, cost a batch its turn; 0 for no limit.
	MaxRetries int `mapstructure:"max_retries"`
	// RetryableStatusCodes are HTTP statuses to blame on the path or the far end.
	RetryableStatusCodes []int `mapstructure:"retryable_status_codes"`
	// PermanentStatusCodes are HTTP statuses to blame on the batch.
	PermanentStatusCodes []int `mapstructure:"permanent_status_codes"`
}

// CircuitBreakerConfig of the breaker that all signals share.
type CircuitBreakerConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// FailureThreshold is how many failures in a row open the breaker.
	FailureThreshold uint32 `mapstructure:"failure_threshold"`
	// OpenDuration is how long it stays off the wire before it probes.
	OpenDuration time.Duration `mapstructure:"open_duration"`
	// WakeInterval is how often, while it is open, a bare connect asks whether the far end is there again; 0 for never.
	WakeInterval time.Duration `mapstructure:"wake_interval"`
	// HalfOpenMaxInflight is how many requests may be on the wire while it probes.
	HalfOpenMaxInflight uint32 `mapstructure:"half_open_max_inflight"`
}

// DeadLetterConfig says where bad batches are parked.
type DeadLetterConfig struct {
	Enabled   bool   `mapstructure:"enabled"`
	Directory string `mapstructure:"directory"`
	// MaxPerHour is how many entries may be parked within an hour before the signal is held instead.
	MaxPerHour int `mapstructure:"max_per_hour"`
	// MaxBytes is what the entries of this exporter may take on disk, in bytes.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// OnFull is what becomes of a batch for which there is no room: hold or drop_oldest.
	OnFull string `mapstructure:"on_full"`
	// MaxAge removes what was parked longer ago; 0 keeps everything.
	MaxAge time.Duration `mapstructure:"max_age"`
	// PartialSuccess keeps a copy of a batch of which the far end took only some records.
	PartialSuccess bool `mapstructure:"partial_success"`
}

// IdempotencyConfig says how batches are recognised.
type IdempotencyConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Window is how long a batch is remembered.
	Window time.Duration `mapstructure:"window"`
	// Header carries the batch's id to the far end, and a client's key to us.
	Header string `mapstructure:"header"`
}

func (c *IdempotencyConfig) header() string {
	if !c.Enabled {
		return ""
	}
	return c.Header
}

func createDefaultConfig() *Config {
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.Sizer = exporterhelper.RequestSizerTypeBytes
	queue.QueueSize = 1 << 30
	return &Config{
		Timeout: 5 * time.Second,
		Retry: RetryConfig{
			BackOff: configretry.BackOffConfig{
				Enabled:             true,
				InitialInterval:     500 * time.Millisecond,
				RandomizationFactor: 0.2,
				Multiplier:          2,
				MaxInterval:         30 * time.Second,
			},
			MaxRetries: 5,
		},
		DeliveryProof:  proofOTLP,
		Queue:          configoptional.Some(queue),
		CircuitBreaker: CircuitBreakerConfig{Enabled: true, FailureThreshold: 5, OpenDuration: time.Minute, WakeInterval: 10 * time.Second, HalfOpenMaxInflight: 3},
		DeadLetter:     DeadLetterConfig{Enabled: true, Directory: "./data/dlq", MaxPerHour: 1000, MaxBytes: 256 << 20, OnFull: onFullHold},
		LinkWeight:     1,
		Urgent:         true,
		Regroup:        regroupAuto,
		FreshFor:       5 * time.Minute,
		Idempotency:    IdempotencyConfig{Enabled: true, Window: 24 * time.Hour, Header: "Idempotency-Key"},
	}
}

var _ confmap.Validator = (*Config)(nil)

// Validate finds what the shape of the settings tells; what depends on the
// sink and on other extensions is found at start.
func (c *Config) Validate() error {
	return errors.Join(
		c.Sink.Check(metadata.Type),
		positive("timeout", c.Timeout),
		valid.If(c.LinkWeight >= 1 && c.LinkWeight <= mostWeight, "link_weight must be 1 to %d, found %d", mostWeight, c.LinkWeight),
		oneOf("delivery_proof", c.DeliveryProof, proofOTLP, proofStatus),
		oneOf("regroup", c.Regroup, regroupAuto, regroupOff),
		c.validateQueue(),
		c.validateFresh(),
	)
}

// Validate finds settings that would lose data or make no sense.
func (c *RetryConfig) Validate() error {
	b := c.BackOff
	if !b.Enabled {
		return errors.New("enabled: false would drop what the far end does not take at once: remove it; to wait less, set max_interval")
	}
	return errors.Join(
		positive("initial_interval", b.InitialInterval),
		valid.If(b.MaxInterval >= b.InitialInterval, "max_interval (%s) must not be below initial_interval (%s)", b.MaxInterval, b.InitialInterval),
		valid.If(b.Multiplier >= 1, "multiplier must be 1 or more, found %g", b.Multiplier),
		valid.If(c.MaxRetries >= 0, "max_retries must not be negative, found %d; 0 is no limit", c.MaxRetries),
		validateStatuses("retryable_status_codes", c.RetryableStatusCodes),
		validateStatuses("permanent_status_codes", c.PermanentStatusCodes),
		c.validateOverlap(),
	)
}

func (c *RetryConfig) validateOverlap() error {
	for _, status := range c.PermanentStatusCodes {
		if slices.Contains(c.RetryableStatusCodes, status) {
			return fmt.Errorf("%d stands in retryable_status_codes and in permanent_status_codes: remove it from one", status)
		}
	}
	return nil
}

// Validate finds settings with which the breaker cannot work.
func (c *CircuitBreakerConfig) Validate() error {
	if !c.Enabled {
		return nil
	}
	return errors.Join(
		valid.If(c.FailureThreshold > 0, "failure_threshold must be 1 or more; to have no breaker set enabled: false"),
		positive("open_duration", c.OpenDuration),
		valid.If(c.WakeInterval == 0 || c.WakeInterval >= time.Second, "wake_interval must be 1s or more, found %s; to rest for the whole open_duration set 0", c.WakeInterval),
		valid.If(c.HalfOpenMaxInflight > 0, "half_open_max_inflight must be 1 or more"),
	)
}

// Validate finds settings with which nothing can be parked.
func (c *DeadLetterConfig) Validate() error {
	if !c.Enabled {
		return nil
	}
	return errors.Join(
		valid.If(c.Directory != "", "directory must not be empty; to park nothing set enabled: false"),
		valid.If(c.MaxBytes >= leastDeadLetters, "max_bytes must be %d or more, found %d; to park nothing set enabled: false", leastDeadLetters, c.MaxBytes),
		oneOf("on_full", c.OnFull, onFullHold, onFullDrop),
		valid.If(c.MaxAge >= 0, "max_age must not be negative, found %s; 0 keeps everything", c.MaxAge),
		valid.If(c.MaxPerHour > 0, "max_per_hour must be 1 or more, found %d; to park nothing set enabled: false", c.MaxPerHour),
	)
}

// Validate finds settings with which nothing can be recognised.
func (c *IdempotencyConfig) Validate() error {
	if !c.Enabled {
		return nil
	}
	return errors.Join(
		valid.If(c.Window >= time.Minute, "window must be 1m or more, found %s; to remember nothing set enabled: false", c.Window),
		valid.If(httpguts.ValidHeaderFieldName(c.Header), "header %q is no name of an HTTP header, such as Idempotency-Key", c.Header),
	)
}

func (c *Config) validateQueue() error {
	if !c.Queue.HasValue() {
		return nil
	}
	q := c.Queue.Get()
	return errors.Join(
		valid.If(!q.Batch.HasValue() || len(q.Batch.Get().Partition.MetadataKeys) == 0, "sending_queue::batch::partition is not served: remove it; to keep data apart give each kind an exporter of its own"),
		valid.If(!q.WaitForResult, "sending_queue::wait_for_result would keep every client waiting through an outage: remove it"),
	)
}

func (c *Config) validateFresh() error {
	q := c.Queue
	return errors.Join(
		valid.If(c.FreshShare >= 0 && c.FreshShare <= mostFresh, "fresh_share must be 0 (off) to %g, found %g: what is old must have its turn too", mostFresh, c.FreshShare),
		positive("fresh_for", c.FreshFor),
		valid.If(c.FreshShare == 0 || q.HasValue() && q.Get().StorageID != nil, "fresh_share needs a queue on a storage: set sending_queue::storage, or remove fresh_share"),
	)
}

func positive(key string, d time.Duration) error {
	return valid.If(d > 0, "%s must be more than 0, such as 5s; found %s", key, d)
}

func oneOf(key, value string, allowed ...string) error {
	return valid.If(slices.Contains(allowed, value), "%s must be one of %q, found %q", key, allowed, value)
}

func validateStatuses(key string, statuses []int) error {
	for _, s := range statuses {
		if s < http.StatusBadRequest || s > 599 {
			return fmt.Errorf("%s: %d is no HTTP status of a refusal (400 to 599)", key, s)
		}
	}
	return nil
}
