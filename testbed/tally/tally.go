// Package tally compares what was acknowledged to a client with what arrived.
package tally

import (
	"fmt"
	"slices"
	"strings"
)

// Tally is the balance of a run. The slices are sorted.
type Tally struct {
	Acknowledged int     // different records that were acknowledged to the client
	Delivered    int     // different records that the shore accepted
	Parked       []int64 // records that lie in the dead letters
	Lost         []int64 // acknowledged, but neither delivered nor parked
	Duplicated   []int64 // accepted by the shore more than once
	Copies       int     // how many accepted copies were too many
	Both         []int64 // delivered and parked as well
	Unsought     []int64 // delivered without an acknowledgement: its answer was lost, or it was still on its way
}

// Compare makes up the balance. delivered says how often the shore accepted
// each record; parked lists the records in the dead letters, if any.
func Compare(acknowledged []int64, delivered map[int64]int, parked []int64) Tally {
	known, inDead := set(acknowledged), set(parked)
	t := Tally{Acknowledged: len(known), Parked: sorted(inDead)}
	for id := range known {
		if delivered[id] == 0 && !inDead[id] {
			t.Lost = append(t.Lost, id)
		}
	}
	for id, times := range delivered {
		if times > 0 {
			t.countDelivered(id, times, known[id], inDead[id])
		}
	}
	for _, ids := range [][]int64{t.Lost, t.Duplicated, t.Both, t.Unsought} {
		slices.Sort(ids)
	}
	return t
}

func (t *Tally) countDelivered(id int64, times int, known, parked bool) {
	t.Delivered++
	if times > 1 {
		t.Duplicated = append(t.Duplicated, id)
		t.Copies += times - 1
	}
	if parked {
		t.Both = append(t.Both, id)
	}
	if !known {
		t.Unsought = append(t.Unsought, id)
	}
}

// Complete reports whether nothing was lost.
func (t Tally) Complete() bool { return len(t.Lost) == 0 }

// Exact reports whether every record is in exactly one place.
func (t Tally) Exact() bool {
	return t.Complete() && len(t.Duplicated) == 0 && len(t.Both) == 0
}

// String is the balance in one line, with the ranges of the records that are
// not where they should be.
func (t Tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "acknowledged %d, delivered %d, parked %d, lost %d, duplicated %d",
		t.Acknowledged, t.Delivered, len(t.Parked), len(t.Lost), len(t.Duplicated))
	for _, part := range []struct {
		name string
		ids  []int64
	}{{"lost", t.Lost}, {"duplicated", t.Duplicated}, {"delivered and parked", t.Both}} {
		if len(part.ids) > 0 {
			fmt.Fprintf(&b, "; %s: %s", part.name, Ranges(part.ids))
		}
	}
	return b.String()
}

// maxRanges bounds the length of what Ranges writes.
const maxRanges = 10

// Ranges writes sorted numbers as "1..3, 7, 9..12", and an ellipsis after ten ranges.
func Ranges(ids []int64) string {
	var parts []string
	for i := 0; i < len(ids); {
		end := i
		for end+1 < len(ids) && ids[end+1] == ids[end]+1 {
			end++
		}
		if len(parts) == maxRanges {
			return strings.Join(append(parts, "…"), ", ")
		}
		parts = append(parts, span(ids[i], ids[end]))
		i = end + 1
	}
	return strings.Join(parts, ", ")
}

func span(first, last int64) string {
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d..%d", first, last)
}

func set(ids []int64) map[int64]bool {
	s := make(map[int64]bool, len(ids))
	for _, id := range ids {
		s[id] = true
	}
	return s
}

func sorted(s map[int64]bool) []int64 {
	var ids []int64
	for id := range s {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
