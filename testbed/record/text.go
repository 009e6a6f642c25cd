package record

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
)

// textMark stands before the number in text.
const textMark = Attribute + "="

// Text is the number as words of a log line, such as "mship.record=123". It is
// for input that knows no attributes: a syslog line carries its number so.
func Text(id int64) string { return textMark + strconv.FormatInt(id, 10) }

// inText reads the number that Text wrote anywhere in a line.
func inText(line string) int64 {
	_, rest, found := strings.Cut(line, textMark)
	if !found {
		return Unnumbered
	}
	end := 0
	for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
		end++
	}
	id, err := strconv.ParseInt(rest[:end], 10, 64)
	if err != nil {
		return Unnumbered
	}
	return id
}

// ofLog is the number of a log record: its attribute, or else what its body says.
func ofLog(lr plog.LogRecord) int64 {
	if id := number(lr.Attributes()); id != Unnumbered {
		return id
	}
	return inText(lr.Body().Str())
}
