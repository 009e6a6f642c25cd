// Package queuemetadata reads and writes what exporterhelper's persistent queue
// keeps of itself in its storage (internal/queue/meta.proto, v0.160).
package queuemetadata

import (
	"errors"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Key is where the queue keeps its metadata (persistent_queue.go, v0.160). Its
// items stand under their index, in decimal.
const Key = "qmv0"

// Metadata is exporterhelper's PersistentMetadata.
type Metadata struct {
	// Items and Bytes are the size of what is queued, those in flight included.
	Items, Bytes int64
	// Read is the index to be read next, Write the one to be written next.
	Read, Write uint64
	// Dispatched are the indexes in flight when the metadata was written.
	Dispatched []uint64
}

const (
	fieldItems      = 1
	fieldBytes      = 2
	fieldRead       = 3
	fieldWrite      = 4
	fieldDispatched = 5

	// unknown: a field of a newer release.
	unknown = -1 << 20
)

var (
	// ErrNewer is metadata with a field that this release does not know.
	ErrNewer = errors.New("the queue's metadata has a field that this release does not know")
	// ErrUnreadable is no metadata at all, or numbers that cannot be true.
	ErrUnreadable = errors.New("the queue's metadata is unreadable")
)

// Parse is strict: it knows every field and the numbers can be true, or it
// fails with an empty metadata, and we keep our hands off. No bytes are a
// queue that has never held anything.
func Parse(raw []byte) (m Metadata, err error) {
	newer := false
	for len(raw) > 0 {
		field, wire, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return Metadata{}, ErrUnreadable
		}
		raw = raw[n:]
		if n = m.parseField(field, wire, raw); n == unknown {
			// All of it must make sense: damage is no newer release.
			newer, n = true, protowire.ConsumeFieldValue(field, wire, raw)
		}
		if n < 0 {
			return Metadata{}, ErrUnreadable
		}
		raw = raw[n:]
	}
	switch {
	case newer:
		return Metadata{}, ErrNewer
	case !m.sound():
		return Metadata{}, ErrUnreadable
	}
	return m, nil
}

// parseField gives the bytes it took, or less than 0.
func (m *Metadata) parseField(field protowire.Number, wire protowire.Type, raw []byte) int {
	switch {
	case field == fieldDispatched && wire == protowire.BytesType:
		return m.parseDispatched(raw)
	case wire != protowire.Fixed64Type:
		if n := protowire.ConsumeFieldValue(field, wire, raw); n < 0 {
			return n
		}
		return unknown
	}
	v, n := protowire.ConsumeFixed64(raw)
	if n < 0 {
		return n
	}
	switch field {
	case fieldItems:
		m.Items = int64(v)
	case fieldBytes:
		m.Bytes = int64(v)
	case fieldRead:
		m.Read = v
	case fieldWrite:
		m.Write = v
	case fieldDispatched:
		m.Dispatched = append(m.Dispatched, v)
	default:
		return unknown
	}
	return n
}

func (m *Metadata) parseDispatched(raw []byte) int {
	packed, n := protowire.ConsumeBytes(raw)
	for n > 0 && len(packed) > 0 {
		v, k := protowire.ConsumeFixed64(packed)
		if k < 0 {
			return k
		}
		m.Dispatched, packed = append(m.Dispatched, v), packed[k:]
	}
	return n
}

// Marshal encodes the metadata as the queue does, to the byte: a field that is 0
// is left out.
func (m Metadata) Marshal() []byte {
	var out []byte
	for _, f := range []struct {
		field protowire.Number
		value uint64
	}{
		{fieldItems, uint64(m.Items)}, {fieldBytes, uint64(m.Bytes)},
		{fieldRead, m.Read}, {fieldWrite, m.Write},
	} {
		if f.value != 0 {
			out = protowire.AppendTag(out, f.field, protowire.Fixed64Type)
			out = protowire.AppendFixed64(out, f.value)
		}
	}
	if len(m.Dispatched) == 0 {
		return out
	}
	var packed []byte
	for _, i := range m.Dispatched {
		packed = protowire.AppendFixed64(packed, i)
	}
	out = protowire.AppendTag(out, fieldDispatched, protowire.BytesType)
	return protowire.AppendBytes(out, packed)
}

// Count is how many items there should be, those in flight included.
func (m Metadata) Count() uint64 { return m.Write - m.Read + uint64(len(m.Dispatched)) }

// sound tells whether the numbers can be true.
func (m Metadata) sound() bool {
	if m.Write < m.Read {
		return false
	}
	for _, i := range m.Dispatched {
		if i >= m.Read {
			return false
		}
	}
	return true
}

// Index is the index of the item that stands under this key. ok: the key is an
// item's, in the only way that the queue writes it.
func Index(key string) (index uint64, ok bool) {
	index, err := strconv.ParseUint(key, 10, 64)
	return index, err == nil && (len(key) == 1 || key[0] != '0')
}
