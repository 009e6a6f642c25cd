//go:build unix

package disk

import (
	"math"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestBlocks(t *testing.T) {
	assert.Equal(t, int64(40960), product(uint64(10), int32(4096)))
	assert.Equal(t, int64(1)<<44, product(uint64(1)<<32, int32(4096)), "more than 32 bits hold")
	assert.Zero(t, product(int64(-3), uint64(4096)), "FreeBSD's reserve")
	assert.Zero(t, product(uint64(3), int64(0)))
	assert.Equal(t, int64(math.MaxInt64), product(uint64(math.MaxUint64), int64(4096)))
}

func TestASignalIsNoError(t *testing.T) {
	calls := 0
	err := uninterrupted(func() error {
		if calls++; calls < 3 {
			return syscall.EINTR
		}
		return syscall.EIO
	})
	assert.Equal(t, syscall.EIO, err)
	assert.Equal(t, 3, calls)
}

func TestOurQuotaIsFull(t *testing.T) {
	assert.True(t, IsFull(syscall.EDQUOT))
}
