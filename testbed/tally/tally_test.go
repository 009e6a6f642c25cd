package tally_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/otelcol-mship/otelcol-mship/testbed/tally"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCompare(t *testing.T) {
	got := tally.Compare(
		[]int64{5, 1, 2, 3, 4, 1, 9},
		map[int64]int{1: 1, 2: 3, 4: 1, 7: 2, 8: 0},
		[]int64{4, 5, 5},
	)
	assert.Equal(t, tally.Tally{
		Acknowledged: 6,
		Delivered:    4,
		Parked:       []int64{4, 5},
		Lost:         []int64{3, 9},
		Duplicated:   []int64{2, 7},
		Copies:       3,
		Both:         []int64{4},
		Unsought:     []int64{7},
	}, got)
	assert.False(t, got.Complete())
	assert.Equal(t, "acknowledged 6, delivered 4, parked 2, lost 2, duplicated 2; "+
		"lost: 3, 9; duplicated: 2, 7; delivered and parked: 4", got.String())
}

func TestCompareOfAPerfectRun(t *testing.T) {
	got := tally.Compare([]int64{1, 2, 3}, map[int64]int{1: 1, 2: 1}, []int64{3})
	assert.True(t, got.Complete())
	assert.True(t, got.Exact())
	assert.Equal(t, "acknowledged 3, delivered 2, parked 1, lost 0, duplicated 0", got.String())
}

func TestExactIsMoreThanComplete(t *testing.T) {
	for _, got := range []tally.Tally{
		tally.Compare([]int64{1}, map[int64]int{1: 2}, nil),
		tally.Compare([]int64{1}, map[int64]int{1: 1}, []int64{1}),
	} {
		assert.True(t, got.Complete())
		assert.False(t, got.Exact())
	}
}

func TestRanges(t *testing.T) {
	for want, ids := range map[string][]int64{
		"":                                     nil,
		"7":                                    {7},
		"1..3, 7, 9..10":                       {1, 2, 3, 7, 9, 10},
		"0, 2, 4, 6, 8, 10, 12, 14, 16, 18, …": {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22},
	} {
		assert.Equal(t, want, tally.Ranges(ids))
	}
}
