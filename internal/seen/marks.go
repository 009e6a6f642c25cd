package seen

import "time"

// marks say how old the keys of a table are: from the sequence number of a mark
// to that of the next, all came in the time slot that begins at its clock. Both
// only grow.
type marks []mark

type mark struct {
	seq   uint64
	clock time.Duration
}

// add notes that keys from seq on come in the slot at clock. A clock that is
// behind counts as the last one.
func (m *marks) add(seq uint64, clock time.Duration) {
	if n := len(*m); n == 0 || (*m)[n-1].clock < clock {
		*m = append(*m, mark{seq, clock})
	}
}

// oldest is how many keys of the table the first mark covers, and its clock.
func (m marks) oldest(t *table) (keys int, clock time.Duration) {
	end := t.end
	if len(m) > 1 {
		end = m[1].seq
	}
	return int(end - t.first), m[0].clock
}

// trim drops the marks that cover nothing of the table any more.
func (m *marks) trim(t *table) {
	n := 0
	for n < len(*m)-1 && (*m)[n+1].seq <= t.first {
		n++
	}
	*m = (*m)[n:]
	if t.len() == 0 {
		*m = nil
	}
}

// runs of the keys from first to end, as a chunk has them.
func (m marks) runs(first, end uint64) []run {
	var runs []run
	for i, mk := range m {
		from, to := max(first, mk.seq), end
		if i+1 < len(m) {
			to = min(end, m[i+1].seq)
		}
		if from < to {
			runs = append(runs, run{clock: mk.clock, keys: int(to - from)})
		}
	}
	return runs
}
