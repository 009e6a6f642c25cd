package consoles

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

type other struct {
	component.StartFunc
	component.ShutdownFunc
}

// screen shows something unless it is full.
type screen struct {
	other

	full  bool
	shown int
}

func (s *screen) show() (off func(), err error) {
	if s.full {
		return nil, errors.New("no room")
	}
	s.shown++
	return func() { s.shown-- }, nil
}

type shows interface {
	show() (off func(), err error)
}

func TestMount(t *testing.T) {
	core, log := observer.New(zap.WarnLevel)
	one, two, full := &screen{}, &screen{}, &screen{full: true}
	h := host{
		component.MustNewID("one"): one, component.MustNewID("two"): two,
		component.MustNewID("full"): full, component.MustNewID("other"): other{},
	}
	unmount := Mount(h, zap.New(core), "thing", func(s shows) (func(), error) { return s.show() })
	assert.Equal(t, []int{1, 1, 0}, []int{one.shown, two.shown, full.shown})
	assert.Equal(t, 1, log.FilterMessage("the console does not show this thing").Len())
	assert.Equal(t, 1, log.Len())
	unmount()
	assert.Equal(t, []int{0, 0, 0}, []int{one.shown, two.shown, full.shown})
}

func TestMountWithoutAConsole(t *testing.T) {
	unmount := Mount(host{}, zap.NewNop(), "thing", func(s shows) (func(), error) { return s.show() })
	assert.NotPanics(t, unmount)
}
