package deliverytest

import (
	"errors"
	"strings"
	"time"
)

// Delay is what exporterhelper's retry sender would sleep for an error made by
// exporterhelper.NewThrottleRetry; -1 for any other. Its type is
// exporterhelper's secret, its text is not.
func Delay(err error) time.Duration {
	for ; err != nil; err = errors.Unwrap(err) {
		rest, ok := strings.CutPrefix(err.Error(), "Throttle (")
		if !ok {
			continue
		}
		text, _, _ := strings.Cut(rest, ")")
		if d, e := time.ParseDuration(text); e == nil {
			return d
		}
	}
	return -1
}
