package agent

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/port"
)

//go:embed config.yaml.tmpl
var defaultTemplate string

// Config describes an agent: OTLP on free loopback ports, three pipelines, one
// exporter. The zero value of a setting leaves it out, so that the exporter's
// own default applies.
type Config struct {
	Sink        string // type of the sink: otlp_http (the default), otlp_grpc, …
	Endpoint    string // the sink's endpoint
	Compression string // the sink's compression
	Stock       bool   // run the stock exporter Sink itself, in place of mship around it
	Name        string // mship/NAME; "shore"

	Timeout       time.Duration
	DeliveryProof string
	Retry         Retry
	Queue         Queue
	Breaker       Breaker
	DeadLetter    DeadLetter
	Idempotency   Idempotency

	IncludeMetadata bool // of the otlp receiver: hand on what a client sends beside the data, so its key
	Dedup           bool // mship_dedup in front of the otlp receiver
	Console         bool // mship_console, at Agent.ConsoleURL

	LogLevel string // of the collector; "info"

	// Template replaces the whole default configuration. It and Overlay are Go
	// templates that see the Config, .Ports, .Dir, .ExporterID and .Vars.
	Template string
	// Overlay is YAML that the collector merges over the configuration: maps
	// merge key by key, lists are replaced.
	Overlay string
	Vars    map[string]any
	// Env are variables, as NAME=VALUE, added to the environment of the tests.
	Env []string
	// Binary is another build of the agent than the one under test.
	Binary string
}

func (c Config) binary() (string, error) {
	if c.Binary != "" {
		return c.Binary, nil
	}
	return Binary()
}

// Forwarding is an agent ashore that adopts the keys of what comes and hands it
// on through a queue and a ledger of its own.
func Forwarding(cfg Config) Config {
	cfg.Name, cfg.IncludeMetadata = "backend", true
	return cfg
}

// Remembering is an agent ashore that hands on by a stock exporter while the
// client waits, and has mship_dedup to remember what it took.
func Remembering(cfg Config) Config {
	cfg.Stock, cfg.Dedup = true, true
	cfg.Queue.Disabled, cfg.Queue.Storage, cfg.Retry.Disabled = true, "mship_storage", true
	return cfg
}

// Retry is the retry_on_failure section.
type Retry struct {
	Disabled             bool
	InitialInterval      time.Duration
	MaxInterval          time.Duration
	MaxElapsedTime       time.Duration
	MaxRetries           int
	RandomizationFactor  float64
	RetryableStatusCodes []int
	PermanentStatusCodes []int
}

// Queue is the sending_queue section. It is on by default, and on mship_storage;
// the stock exporter's is on file_storage with fsync.
type Queue struct {
	Disabled        bool
	InMemory        bool // no storage
	Sizer           string
	Size            int64
	Consumers       int
	BlockOnOverflow bool
	Storage         string // type of the storage extension
	Batch           Batch
}

// Batch is the batch section of the queue; it is there if FlushTimeout is. Its sizes are in records.
type Batch struct {
	FlushTimeout     time.Duration
	MinSize, MaxSize int64
}

// Breaker is the circuit_breaker section.
type Breaker struct {
	Disabled            bool
	FailureThreshold    int
	OpenDuration        time.Duration
	WakeInterval        time.Duration
	HalfOpenMaxInflight int
}

// DeadLetter is the dead_letter section. Its directory is Agent.DeadLetterDir.
type DeadLetter struct {
	Disabled   bool
	Directory  string // in place of Agent.DeadLetterDir
	MaxPerHour int
	MaxBytes   int64
	OnFull     string
}

// Idempotency is the idempotency section.
type Idempotency struct {
	Disabled bool
	Window   time.Duration
	Header   string
}

// Ports are the loopback ports of an agent.
type Ports struct{ HTTP, GRPC, Health, Metrics, Console int }

// view is what the templates see.
type view struct {
	Config
	Ports         Ports
	Dir           string
	StorageID     string
	StorageDir    string
	DeadLetterDir string
	ExporterID    string
}

// write renders the configuration into dir and returns the command line that
// selects it.
func (c Config) write(dir string, ports Ports) ([]string, error) {
	if c.Sink == "" {
		c.Sink = "otlp_http"
	}
	if c.Template == "" {
		c.Template = defaultTemplate
	}
	v := view{c, ports, dir, c.storageID(), storageDir(dir), c.deadLetters(dir), c.exporterID()}
	args, err := v.render("config.yaml", c.Template)
	if err != nil || c.Overlay == "" {
		return args, err
	}
	more, err := v.render("overlay.yaml", c.Overlay)
	return append(args, more...), err
}

func (c Config) deadLetters(dir string) string {
	if c.DeadLetter.Directory != "" {
		return c.DeadLetter.Directory
	}
	return deadLetterDir(dir)
}

// storageID is the id of the storage extension.
func (c Config) storageID() string {
	switch {
	case c.Queue.Storage != "":
		return c.Queue.Storage
	case c.Stock:
		return "file_storage"
	default:
		return "mship_storage"
	}
}

// exporterID is the id of the exporter under test.
func (c Config) exporterID() string {
	if c.Stock {
		return c.Sink
	}
	if c.Name == "" {
		return "mship/shore"
	}
	return "mship/" + c.Name
}

// render writes one file and returns the flag that names it.
func (v view) render(name, text string) ([]string, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{"list": list}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("configuration template: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("configuration template: %w", err)
	}
	path := filepath.Join(v.Dir, name)
	return []string{"--config", path}, writeFile(path, b.String())
}

// list writes numbers as a YAML list.
func list(numbers []int) string {
	return strings.ReplaceAll(fmt.Sprint(numbers), " ", ", ")
}

// freePorts picks ports that nobody listens on. Somebody may take one before
// the agent does; see Agent.start.
func freePorts() (Ports, error) {
	free, err := port.Free(5)
	if err != nil {
		return Ports{}, err
	}
	return Ports{HTTP: free[0], GRPC: free[1], Health: free[2], Metrics: free[3], Console: free[4]}, nil
}
