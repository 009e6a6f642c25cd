package disktest

import (
	"errors"
	"fmt"
)

// Kind is what an operation does.
type Kind int

// The operations that change something.
const (
	Create   Kind = iota + 1 // of a new file, or of one that is emptied
	Write                    // Length bytes at Offset
	Truncate                 // to Offset bytes
	Sync                     // of a file
	Rename                   // to the name To
	Remove
	SyncDir // of the directory Name, "." is the root
)

func (k Kind) String() string {
	if name, known := map[Kind]string{
		Create: "create", Write: "write", Truncate: "truncate", Sync: "sync",
		Rename: "rename", Remove: "remove", SyncDir: "syncdir",
	}[k]; known {
		return name
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Change is an operation that is about to happen.
type Change struct {
	Kind   Kind
	Name   string // path in the tree, such as "quarantine/x": the name that an open file has now
	To     string // of a Rename, path in the tree
	Offset int64  // bytes
	Length int64  // bytes
}

func (c Change) String() string {
	if c.To != "" {
		return fmt.Sprintf("%v %s to %s", c.Kind, c.Name, c.To)
	}
	return fmt.Sprintf("%v %s [%d, +%d]", c.Kind, c.Name, c.Offset, c.Length)
}

// Torn is what a hook returns for a Write to fail with err after its first n bytes.
func (Change) Torn(n int, err error) error { return &mishap{error: err, torn: n} }

// Lost is what a hook returns for a Sync to fail with err as it does on Linux:
// what was to be flushed can still be read, but counts as clean from then on.
// No later Sync makes it durable, unless it is written again.
func (Change) Lost(err error) error { return &mishap{error: err, lost: true} }

// mishap is an error of a hook that leaves traces.
type mishap struct {
	error
	torn int
	lost bool
}

func (m *mishap) Unwrap() error { return m.error }

// judge takes the error of a hook apart.
func judge(err error) (torn int, lost bool, cause error) {
	var m *mishap
	if errors.As(err, &m) {
		return m.torn, m.lost, m.error
	}
	return 0, false, err
}
