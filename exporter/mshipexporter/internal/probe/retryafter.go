package probe

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxPause bounds what a far end may ask for: longer is taken for a mistake.
const maxPause = 24 * time.Hour

// retryAfter reads Retry-After (RFC 9110, section 10.2.3): seconds, or a date.
// A date is taken relative to the answer's own Date, because a ship's clock
// lies; now serves only where there is no Date. 0 means that no pause was asked.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if isDigits(value) {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxPause/time.Second) { // too many digits
			return maxPause
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return min(max(until.Sub(now), 0), maxPause)
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
