package agent

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const page = `# HELP mship_sink_retry_total Attempts after the first.
# TYPE mship_sink_retry_total counter
mship_sink_retry_total{otel_scope_name="mship",otel_scope_version="",sink="shore"} 3
mship_sink_retry_total{sink="other"} 4
mship_queue_depth{sink="a \"b\" \\ {c}, d\n"} 1.5e+03 1700000000000
up 1
limit{} +Inf
`

func TestParsePage(t *testing.T) {
	p, err := ParsePage(page)
	require.NoError(t, err)

	sum, found := p.Value("mship_sink_retry_total", nil)
	assert.True(t, found)
	assert.Equal(t, 7.0, sum)
	one, _ := p.Value("mship_sink_retry_total", map[string]string{"sink": "shore"})
	assert.Equal(t, 3.0, one)
	_, found = p.Value("mship_sink_retry_total", map[string]string{"sink": "none"})
	assert.False(t, found)
	_, found = p.Value("mship_sink_retry", nil)
	assert.False(t, found)

	assert.Equal(t, map[string]string{"sink": "shore"}, p.Samples("mship_sink_retry_total")[0].OwnLabels())
	depth := p.Samples("mship_queue_depth")[0]
	assert.Equal(t, Sample{"mship_queue_depth", map[string]string{"sink": "a \"b\" \\ {c}, d\n"}, 1500}, depth)
	limit, _ := p.Value("limit", nil)
	assert.Equal(t, math.Inf(1), limit)
	assert.Equal(t, []string{"mship_queue_depth", "mship_sink_retry_total"}, p.Names("mship_"))
}

func TestParsePageRefusesNonsense(t *testing.T) {
	for _, line := range []string{`a`, `{x="y"} 1`, `a{x=y} 1`, `a{x="y 1`, `a{x="y"}`, `a b`} {
		_, err := ParsePage(line)
		assert.Error(t, err, line)
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add(page)
	f.Add(`a{b="\`)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = ParsePage(text) // must not panic or hang
	})
}
