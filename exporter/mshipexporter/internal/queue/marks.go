package queue

// marks is a set of keys that lie close together: a bit for each key of its span.
type marks struct {
	// base is the key of the first bit, a multiple of 64.
	base  uint64
	words []uint64
	count int
}

func (m *marks) add(key uint64) {
	if len(m.words) == 0 || key < m.base {
		m.grow(key)
	}
	word := (key - m.base) / 64
	for uint64(len(m.words)) <= word {
		m.words = append(m.words, 0)
	}
	if bit := uint64(1) << (key % 64); m.words[word]&bit == 0 {
		m.words[word] |= bit
		m.count++
	}
}

// grow makes room for a key below the base.
func (m *marks) grow(key uint64) {
	base := key &^ 63
	if len(m.words) > 0 {
		m.words = append(make([]uint64, (m.base-base)/64), m.words...)
	}
	m.base = base
}

func (m *marks) has(key uint64) bool {
	word := (key - m.base) / 64
	return key >= m.base && word < uint64(len(m.words)) && m.words[word]&(1<<(key%64)) != 0
}

// drop takes a key out, and forgets the span up to it.
func (m *marks) drop(key uint64) {
	if !m.has(key) {
		return
	}
	m.words[(key-m.base)/64] &^= 1 << (key % 64)
	m.count--
	if m.count == 0 {
		m.words = nil
		return
	}
	for m.words[0] == 0 {
		m.words, m.base = m.words[1:], m.base+64
	}
}
