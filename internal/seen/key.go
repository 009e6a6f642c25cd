package seen

import (
	"crypto/sha256"
	"encoding/binary"
)

// keyBytes is the length of a [Key] in bytes.
const keyBytes = 16

// Key stands for what is remembered: the first 16 bytes of a SHA-256. Among a
// million keys, the odds that a new one equals any of them by chance are one
// in 3e32 (2^20 of 2^128); over a billion new keys, one in 3e23.
type Key [keyBytes]byte

// KeyOf makes the key of a name that has parts, such as the method and the id of a
// request. No two lists of parts have one key: every part goes in with its length.
func KeyOf(parts ...string) Key {
	var room [256]byte // most names fit: no allocation
	buf := room[:0]
	for _, part := range parts {
		buf = binary.AppendUvarint(buf, uint64(len(part)))
		buf = append(buf, part...)
	}
	sum := sha256.Sum256(buf)
	return Key(sum[:keyBytes])
}
