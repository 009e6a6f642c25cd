package shore_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

func TestBlackholeSwallowsNewAndIdleConnections(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
		require.NoError(t, c.Send(t.Context(), logs(0, 1))) // leaves an idle connection
		begin := time.Now()
		s.SetFault(shore.Blackhole())
		giveUp(t, c, logs(1, 1))
		giveUp(t, c, logs(2, 1))
		assert.Positive(t, s.MaxInFlight(begin))
		e := last(t, s)
		assert.Equal(t, record.Signal(""), e.Signal, "nothing of it was read")

		s.SetFault(shore.Accept())
		restsWithin(t, s)
		require.Eventually(t, func() bool { return c.Send(t.Context(), logs(3, 1)) == nil }, patience, 5*time.Millisecond)
		assert.Equal(t, map[int64]int{0: 1, 3: 1}, s.Counts())
	})
}

func TestBlackholeNoticesThatTheClientHasGone(t *testing.T) {
	s := shore.Start(t, shore.WithFault(shore.Blackhole()))
	c := overHTTP(t, s)
	giveUp(t, c, logs(0, 1))
	restsWithin(t, s)
	giveUp(t, c, logs(1, 1))
	restsWithin(t, s)
	assert.Equal(t, 1, s.MaxInFlight(time.Time{}))
	assert.Len(t, s.Requests(), 2)
}

func TestDownRefusesAndUpComesBackOnTheSamePorts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
		wantHTTP, wantGRPC := s.HTTPEndpoint(), s.GRPCEndpoint()
		require.NoError(t, c.Send(t.Context(), logs(0, 1)))
		s.Down()
		s.Down() // has no effect
		require.Eventually(t, func() bool {
			// The first attempt may still go into a connection that was reset.
			return strings.Contains(refusal(t, c, logs(1, 1)).Error(), "connection refused")
		}, patience, 5*time.Millisecond)
		require.NoError(t, s.Up())
		require.NoError(t, s.Up()) // has no effect
		require.Eventually(t, func() bool { return c.Send(t.Context(), logs(2, 1)) == nil }, patience, 5*time.Millisecond)
		assert.Equal(t, wantHTTP, s.HTTPEndpoint())
		assert.Equal(t, wantGRPC, s.GRPCEndpoint())
		assert.Equal(t, map[int64]int{0: 1, 2: 1}, s.Counts())
	})
}

func TestDownEndsWhatHangs(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shore.Shore, c load.Sender) {
		for _, fault := range []shore.Fault{shore.Hang(), shore.Blackhole()} {
			s.SetFault(fault)
			failed := make(chan error)
			go func() { failed <- c.Send(t.Context(), logs(0, 1)) }()
			require.Eventually(t, func() bool { return s.InFlight() > 0 }, patience, 5*time.Millisecond)
			s.Down()
			require.Error(t, <-failed)
			assert.Zero(t, s.InFlight())
			require.NoError(t, s.Up())
		}
	})
}

func TestAShoreOnATakenPortIsAnError(t *testing.T) {
	s := shore.Start(t)
	var port int
	_, err := readPort(s.HTTPEndpoint(), &port)
	require.NoError(t, err)

	_, err = shore.New(shore.WithPorts(port, 0))
	assert.ErrorIs(t, err, syscall.EADDRINUSE)
}
