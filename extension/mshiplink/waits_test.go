package mshiplink

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// Whoever waits yet counts too, and it never goes back.
func TestWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := waits{epoch: time.Now()}
		time.Sleep(time.Hour)
		assert.Zero(t, w.total())
		one := w.begin()
		time.Sleep(10 * time.Second)
		assert.InDelta(t, 10, w.total(), 1e-6)
		two := w.begin()
		time.Sleep(5 * time.Second)
		assert.InDelta(t, 20, w.total(), 1e-6)
		one()
		assert.InDelta(t, 20, w.total(), 1e-6)
		time.Sleep(time.Second)
		two()
		time.Sleep(time.Hour)
		assert.InDelta(t, 21, w.total(), 1e-6)
	})
}
