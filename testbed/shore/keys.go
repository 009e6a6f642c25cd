package shore

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// keyHeader names the key of a request in an HTTP header, and in lower case in gRPC metadata.
const keyHeader = "Idempotency-Key"

// Key is the request's idempotency key; "" if it has none.
func (r Request) Key() string {
	for _, name := range []string{keyHeader, strings.ToLower(keyHeader)} {
		if values := r.Header[name]; len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// TakeOnce makes a back end that honours keys: a request whose key it has taken
// is answered as if it were taken again, but its records are not counted.
func TakeOnce() Option {
	return func(s *Shore) { s.book.once = true }
}

// keys are those of the requests that were taken, each with what it stood for.
type keys struct {
	taken   map[string][sha256.Size]byte
	repeats int
	changed []string
}

// take notes a request that is taken, and tells whether it was before. A key
// that stands for other records than before is not the same request.
func (k *keys) take(r Request) (repeated bool) {
	key := r.Key()
	if key == "" {
		return false
	}
	content := fingerprint(r)
	before, known := k.taken[key]
	switch {
	case !known:
		k.taken[key] = content
		return false
	case before != content:
		k.changed = append(k.changed, key)
		return false
	}
	k.repeats++
	return true
}

func fingerprint(r Request) [sha256.Size]byte {
	text := []byte(r.Signal)
	for _, id := range r.Records {
		text = binary.LittleEndian.AppendUint64(text, uint64(id))
	}
	return sha256.Sum256(text)
}

// Repeats is how many requests came whole once more after they had been taken,
// as far as their keys tell.
func (s *Shore) Repeats() int {
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	return s.book.keys.repeats
}

// ChangedKeys lists the keys that came with other records than before, or in another order.
func (s *Shore) ChangedKeys() []string {
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	return append([]string(nil), s.book.keys.changed...)
}
