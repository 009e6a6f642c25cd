package record_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

func TestNumberInTheText(t *testing.T) {
	for body, want := range map[string]int64{
		record.Text(123): 123,
		"<13>Oct 11 22:14:15 bridge app: alarm " + record.Text(1_000_000_007) + " acknowledged": 1_000_000_007,
		"mship.record=5,":                   5,
		"mship.record=":                     record.Unnumbered,
		"mship.record=x1":                   record.Unnumbered,
		"mship.record=99999999999999999999": record.Unnumbered,
		"mship.record 5":                    record.Unnumbered,
		"":                                  record.Unnumbered,
	} {
		ld := plog.NewLogs()
		ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(body)
		assert.Equal(t, []int64{want}, record.InLogs(ld), body)
	}
}

func TestTheAttributeGoesBeforeTheText(t *testing.T) {
	ld := plog.NewLogs()
	lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.Body().SetStr(record.Text(1))
	lr.Attributes().PutInt(record.Attribute, 2)
	assert.Equal(t, []int64{2}, record.InLogs(ld))
}

func TestABodyThatIsNoText(t *testing.T) {
	ld := plog.NewLogs()
	lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.Body().SetEmptyMap().PutStr("message", record.Text(1))
	assert.Equal(t, []int64{record.Unnumbered}, record.InLogs(ld))
}
