package mshipdedup

import (
	"strings"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

// maxKey is the longest key in bytes.
const maxKey = 128

// key is what stands for a request: its method or path, and the key that it
// came with. One without a usable key has none: it must not be lost for that.
func (d *door) key(method string, values []string) (key seen.Key, ok bool) {
	if len(values) == 0 {
		return key, false
	}
	if len(values) > 1 || !usable(values[0]) {
		d.tel.unusable()
		d.strange.Do(func() {
			d.logger.Warn("a request's key cannot be used; it is taken as if it had none. Further ones are only counted",
				zap.String("header", d.header), zap.String("request", method), zap.Int("keys", len(values)), zap.Int("bytes", len(values[0])))
		})
		return key, false
	}
	return seen.KeyOf(method, values[0]), true
}

// usable: 1 to 128 bytes of printable ASCII.
func usable(key string) bool {
	return key != "" && len(key) <= maxKey && !strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
}
