package queue

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// metadataKey is where exporterhelper's queue keeps its metadata
// (persistent_queue.go, v0.160); its items stand under their index, in decimal.
const metadataKey = "qmv0"

// metadata is exporterhelper's PersistentMetadata (internal/queue/meta.proto, v0.160).
type metadata struct {
	items, bytes int64
	read, write  uint64
	// dispatched are the indexes in flight when the metadata was written.
	dispatched []uint64
}

const (
	fieldItems      = 1
	fieldBytes      = 2
	fieldRead       = 3
	fieldWrite      = 4
	fieldDispatched = 5

	// unknown: a field of a newer release.
	unknown = -1
)

// parseMetadata is strict: it knows every field and the numbers can be true,
// or it fails with an empty metadata, and we keep our hands off.
func parseMetadata(raw []byte) (m metadata, ok bool) {
	for len(raw) > 0 {
		field, wire, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return metadata{}, false
		}
		raw = raw[n:]
		if n = m.parseField(field, wire, raw); n < 0 {
			return metadata{}, false
		}
		raw = raw[n:]
	}
	if !m.sound() {
		return metadata{}, false
	}
	return m, true
}

// parseField gives the bytes it took, or less than 0.
func (m *metadata) parseField(field protowire.Number, wire protowire.Type, raw []byte) int {
	switch {
	case field == fieldDispatched && wire == protowire.BytesType:
		return m.parseDispatched(raw)
	case wire != protowire.Fixed64Type:
		return unknown
	}
	v, n := protowire.ConsumeFixed64(raw)
	switch field {
	case fieldItems:
		m.items = int64(v)
	case fieldBytes:
		m.bytes = int64(v)
	case fieldRead:
		m.read = v
	case fieldWrite:
		m.write = v
	case fieldDispatched:
		m.dispatched = append(m.dispatched, v)
	default:
		return unknown
	}
	return n
}

func (m *metadata) parseDispatched(raw []byte) int {
	packed, n := protowire.ConsumeBytes(raw)
	for n > 0 && len(packed) > 0 {
		v, k := protowire.ConsumeFixed64(packed)
		if k < 0 {
			return k
		}
		m.dispatched, packed = append(m.dispatched, v), packed[k:]
	}
	return n
}

func (m metadata) marshal() []byte {
	var out []byte
	for _, f := range []struct {
		field protowire.Number
		value uint64
	}{
		{fieldItems, uint64(m.items)}, {fieldBytes, uint64(m.bytes)},
		{fieldRead, m.read}, {fieldWrite, m.write},
	} {
		out = protowire.AppendTag(out, f.field, protowire.Fixed64Type)
		out = protowire.AppendFixed64(out, f.value)
	}
	if len(m.dispatched) == 0 {
		return out
	}
	var packed []byte
	for _, i := range m.dispatched {
		packed = protowire.AppendFixed64(packed, i)
	}
	out = protowire.AppendTag(out, fieldDispatched, protowire.BytesType)
	return protowire.AppendBytes(out, packed)
}

// sound tells whether the numbers can be true.
func (m metadata) sound() bool {
	if m.write < m.read {
		return false
	}
	for _, i := range m.dispatched {
		if i >= m.read {
			return false
		}
	}
	return true
}

func (m metadata) depth() Size {
	return Size{
		Batches: int64(m.write-m.read) + int64(len(m.dispatched)),
		Records: m.items,
		Bytes:   m.bytes,
	}
}

func isItem(key string) bool {
	_, err := strconv.ParseUint(key, 10, 64)
	return err == nil
}
