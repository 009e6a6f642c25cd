package regroup

// container is a slice of pdata from which elements can go.
type container[E any] interface {
	list[E]
	RemoveIf(gone func(E) bool)
}

// merge makes one of those of the same identity, where the first of them
// stands; move takes what is in one to the end of another.
func merge[E any](all container[E], identify func(identity, E) identity, move func(from, to E)) {
	if all.Len() < 2 {
		return
	}
	firsts := make(map[string]E)
	var k identity
	all.RemoveIf(func(e E) bool {
		k = identify(k[:0], e)
		first, known := firsts[string(k)]
		if known {
			move(e, first)
		} else {
			firsts[string(k)] = e
		}
		return known
	})
}
