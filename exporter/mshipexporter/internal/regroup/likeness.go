package regroup

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	// looked is how many records are looked at to learn which attributes tell kinds of them apart.
	looked = 256
	// few: an attribute with more than one value for every so many records tells records apart, not kinds.
	few = 8
	// A text counts with its first letters, without digits; behind digits that
	// stand after some letters, it is different every time.
	longStem, shortStem = 24, 3
)

// described has attributes.
type described interface{ Attributes() pcommon.Map }

// likeness gives a number for each record, the same for those of one kind: with
// equal values of the attributes that have few, and a headline that begins like
// the other's. Should two kinds get the same number, they stand mixed, no more.
func likeness[E described](records list[E], headline func(E) string) []uint64 {
	telling, headlines := learn(records, headline)
	alike := make([]uint64, records.Len())
	for i := range alike {
		r := records.At(i)
		if headlines {
			alike[i] = stem(headline(r))
		}
		for key, v := range r.Attributes().All() {
			if salt, ok := telling[key]; ok {
				alike[i] += mix(salt ^ mix(code(v)))
			}
		}
	}
	return alike
}

// learn finds the attributes that have few values, each with a number of its
// own, and whether headlines are such.
func learn[E described](records list[E], headline func(E) string) (telling map[string]uint64, headlines bool) {
	sample := min(records.Len(), looked)
	values, heads := map[string]map[uint64]struct{}{}, map[uint64]struct{}{}
	for i := range sample {
		r := records.At(i * records.Len() / sample)
		heads[stem(headline(r))] = struct{}{}
		for key, v := range r.Attributes().All() {
			if values[key] == nil {
				values[key] = map[uint64]struct{}{}
			}
			values[key][code(v)] = struct{}{}
		}
	}
	most := max(1, sample/few)
	telling = map[string]uint64{}
	for key, seen := range values {
		if len(seen) > 1 && len(seen) <= most {
			telling[key] = stem(key)
		}
	}
	return telling, len(heads) <= most
}

func code(v pcommon.Value) uint64 {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return stem(v.Str())
	case pcommon.ValueTypeInt:
		return uint64(v.Int())
	case pcommon.ValueTypeDouble:
		return math.Float64bits(v.Double())
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return 1
		}
		return 0
	case pcommon.ValueTypeEmpty, pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
	}
	return math.MaxUint64 - uint64(v.Type())
}

// stem is the beginning of a text in a number (FNV-1a, which is the same in every run).
func stem(s string) uint64 {
	h, letters := uint64(14695981039346656037), 0
	for i := 0; i < len(s) && letters < longStem; i++ {
		if s[i] < '0' || s[i] > '9' {
			letters++
			h = (h ^ uint64(s[i])) * 1099511628211
		} else if letters >= shortStem {
			break
		}
	}
	return h
}

// mix spreads a number over all bits (the finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
