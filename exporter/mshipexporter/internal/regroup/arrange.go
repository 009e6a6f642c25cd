package regroup

import (
	"cmp"
	"slices"
)

// list is a slice of pdata.
type list[E any] interface {
	Len() int
	At(i int) E
}

// movable gives what is in it to another, and is empty then.
type movable[E any] interface{ MoveTo(dest E) }

// place is where a record belongs among those of its scope.
type place struct {
	kind  int32
	alike uint64
	time  uint64
	was   int
}

func (p place) compare(q place) int {
	if p.kind != q.kind {
		return cmp.Compare(p.kind, q.kind)
	}
	if p.alike != q.alike {
		return cmp.Compare(p.alike, q.alike)
	}
	if p.time != q.time {
		return cmp.Compare(p.time, q.time)
	}
	return cmp.Compare(p.was, q.was)
}

// arrange puts the records in the order of their places. It moves each of them
// once, in circles: pdata's own Sort takes ten times as long. spare is empty,
// before and after.
func arrange[E movable[E]](records list[E], places []place, spare E) {
	slices.SortFunc(places, place.compare)
	for start := range places {
		if places[start].was == start {
			continue
		}
		records.At(start).MoveTo(spare)
		to := start
		for from := places[to].was; from != start; from = places[to].was {
			records.At(from).MoveTo(records.At(to))
			places[to].was = to
			to = from
		}
		spare.MoveTo(records.At(to))
		places[to].was = to
	}
}
