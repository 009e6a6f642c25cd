package deadletter

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

var name = regexp.MustCompile(`^[0-9]{1,19}(-[0-9a-f-]{36})?$`)

// IsName tells whether an entry can have that name: nothing that could lead out
// of its folder, and nothing that somebody else has put there.
func IsName(s string) bool { return name.MatchString(s) }

// nameOf makes a name. A clock before 1970 makes none of its own.
func nameOf(first time.Time, id delivery.ID) string {
	return strconv.FormatInt(max(first.UnixNano(), 0), 10) + "-" + id.String()
}

// when is the time that a name begins with, in ns since 1970.
func when(name string) int64 {
	digits, _, _ := strings.Cut(name, "-")
	n, _ := strconv.ParseInt(digits, 10, 64) // a time that is too large is the largest
	return n
}
