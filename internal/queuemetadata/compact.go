package queuemetadata

import (
	"bytes"
	"encoding/binary"
)

// Compact appends to dst a form of the metadata that is a quarter as long; it is
// written with every batch. ok: raw is metadata, and Expand gives back these very bytes.
//
// The form is uvarints: items, bytes, write index, how many have been written
// but not read, how many are in flight, and for each of those how far it is
// behind the read index.
func Compact(dst, raw []byte) (out []byte, ok bool) {
	m, err := Parse(raw)
	if err != nil || len(raw) == 0 || !bytes.Equal(m.Marshal(), raw) {
		return dst, false
	}
	for _, v := range []uint64{uint64(m.Items), uint64(m.Bytes), m.Write, m.Write - m.Read, uint64(len(m.Dispatched))} {
		dst = binary.AppendUvarint(dst, v)
	}
	for _, index := range m.Dispatched {
		dst = binary.AppendUvarint(dst, m.Read-index)
	}
	return dst, true
}

// Expand gives the metadata at the begin of b, as the queue encodes it, and how
// many bytes it took. ok: there was one.
func Expand(b []byte) (raw []byte, n int, ok bool) {
	r := uvarints{left: b}
	m := Metadata{Items: int64(r.next()), Bytes: int64(r.next()), Write: r.next()}
	m.Read = m.Write - r.next()
	for range min(r.next(), uint64(len(b))) {
		m.Dispatched = append(m.Dispatched, m.Read-r.next())
	}
	return m.Marshal(), len(b) - len(r.left), !r.bad && m.sound()
}

type uvarints struct {
	left []byte
	bad  bool
}

func (r *uvarints) next() uint64 {
	v, n := binary.Uvarint(r.left)
	if n <= 0 {
		r.bad, r.left = true, nil
		return 0
	}
	r.left = r.left[n:]
	return v
}
