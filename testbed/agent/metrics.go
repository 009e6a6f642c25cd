package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scrapeTimeout bounds one scrape.
const scrapeTimeout = 10 * time.Second

// Sample is one line of a Prometheus page.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Page is a Prometheus page.
type Page []Sample

// Scrape reads the agent's own Prometheus page.
func (a *Agent) Scrape() (Page, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	text, err := get(ctx, a.MetricsURL())
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	return ParsePage(text)
}

// Metric scrapes the page and returns Page.Value. It reports false as well if
// the page cannot be read, so it can be polled while an agent restarts.
func (a *Agent) Metric(name string, labels map[string]string) (float64, bool) {
	page, err := a.Scrape()
	if err != nil {
		return 0, false
	}
	return page.Value(name, labels)
}

// Value is the sum of all samples of that name that have these labels, among
// others. It reports false if there are none.
func (p Page) Value(name string, labels map[string]string) (sum float64, found bool) {
	for _, s := range p.Samples(name) {
		if s.has(labels) {
			sum += s.Value
			found = true
		}
	}
	return sum, found
}

// Samples lists the samples of that name.
func (p Page) Samples(name string) []Sample {
	var found []Sample
	for _, s := range p {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// Names lists the different names with that prefix, sorted.
func (p Page) Names(prefix string) []string {
	names := map[string]bool{}
	for _, s := range p {
		if strings.HasPrefix(s.Name, prefix) {
			names[s.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// OwnLabels are the labels without those that name the instrument's scope.
func (s Sample) OwnLabels() map[string]string {
	own := maps.Clone(s.Labels)
	maps.DeleteFunc(own, func(key, _ string) bool { return strings.HasPrefix(key, "otel_scope_") })
	return own
}

func (s Sample) has(labels map[string]string) bool {
	for key, value := range labels {
		if got, ok := s.Labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// ParsePage reads the Prometheus text format; comments are skipped.
func ParsePage(text string) (Page, error) {
	var page Page
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := parseSample(line)
		if err != nil {
			return nil, fmt.Errorf("metric line %q: %w", line, err)
		}
		page = append(page, s)
	}
	return page, nil
}

// parseSample reads one line: name{label="value",…} value [timestamp].
func parseSample(line string) (Sample, error) {
	end := strings.IndexAny(line, "{ \t")
	if end < 1 {
		return Sample{}, fmt.Errorf("no name")
	}
	s := Sample{Name: line[:end], Labels: map[string]string{}}
	rest := line[end:]
	if rest[0] == '{' {
		var err error
		if rest, err = s.parseLabels(rest[1:]); err != nil {
			return s, err
		}
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return s, fmt.Errorf("no value")
	}
	var err error
	s.Value, err = strconv.ParseFloat(fields[0], 64)
	return s, err
}

// parseLabels reads label="value", … up to the closing brace, and returns what
// follows it.
func (s *Sample) parseLabels(text string) (string, error) {
	for {
		text = strings.TrimLeft(text, ", \t")
		if strings.HasPrefix(text, "}") {
			return text[1:], nil
		}
		key, rest, found := strings.Cut(text, "=")
		if !found || !strings.HasPrefix(rest, `"`) {
			return "", fmt.Errorf("label without a value")
		}
		end := closingQuote(rest)
		if end < 0 {
			return "", fmt.Errorf("label %s without an end", key)
		}
		s.Labels[strings.TrimSpace(key)] = unescape.Replace(rest[1:end])
		text = rest[end+1:]
	}
}

var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")

// closingQuote is the index of the quote that closes the one text begins with.
func closingQuote(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
