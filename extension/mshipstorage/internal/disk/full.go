package disk

import (
	"errors"
	"slices"
)

// IsFull is whether an operation failed because the disk, or our quota of it, is full.
func IsFull(err error) bool {
	return slices.ContainsFunc(noSpace, func(full error) bool { return errors.Is(err, full) })
}
