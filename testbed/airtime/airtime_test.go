package airtime

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/corpus"
)

// What passes is counted, both ways, headers too.
func TestTheMeter(t *testing.T) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	defer far.Close()
	m, err := newMeter(far.URL)
	require.NoError(t, err)
	defer m.close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	const size = 100_000
	for range 3 {
		answer, err := client.Post(m.endpoint(), "text/plain", bytes.NewReader(make([]byte, size)))
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		require.NoError(t, answer.Body.Close())
	}
	up, down, connections := m.read()
	assert.Equal(t, 1, connections)
	for _, bytes := range []int64{up, down} {
		assert.Greater(t, bytes, int64(3*size))
		assert.Less(t, bytes, int64(3*size+3*1000))
	}
}

func TestTheMeterOfAFarEndThatIsNotThere(t *testing.T) {
	far := httptest.NewServer(http.NotFoundHandler())
	far.Close()
	m, err := newMeter(far.URL)
	require.NoError(t, err)
	defer m.close()
	_, err = http.Get(m.endpoint())
	assert.Error(t, err)
}

// Records come in when they are due.
func TestThePlansAreKept(t *testing.T) {
	for _, kind := range corpus.Kinds() {
		p := Steady(kind, time.Minute)
		assert.InDelta(t, 600, p.Records, 109, kind)
		assert.Zero(t, p.Records%p.Each, kind)
	}
	synctest.Test(t, func(t *testing.T) {
		p := Plan{Records: 25, Each: 10, Rate: 10}
		bodies := make(chan []byte)
		var got []string
		var all sync.WaitGroup
		begin := time.Now()
		all.Go(func() {
			for b := range bodies {
				got = append(got, fmt.Sprintf("%s at %s", b, time.Since(begin)))
			}
		})
		next := func(n int) ([]byte, error) { return []byte(fmt.Sprint(n)), nil }
		require.NoError(t, p.produce(t.Context(), next, bodies))
		close(bodies)
		all.Wait()
		assert.Equal(t, []string{"10 at 1s", "10 at 2s", "5 at 2.5s"}, got)
	})
}

// What is refused for the moment comes again; what is refused for good ends it.
func TestClientsSendAgain(t *testing.T) {
	var mu sync.Mutex
	answers, taken := []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}, 0
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if len(answers) > 0 {
			w.WriteHeader(answers[0])
			answers = answers[1:]
			return
		}
		taken++
	}))
	defer agent.Close()
	plan := Plan{Kind: corpus.NMEA, Records: 50, Each: 10}
	require.NoError(t, feed(context.Background(), agent.URL, plan))
	assert.Equal(t, 5, taken)
	answers = []int{http.StatusBadRequest}
	assert.ErrorContains(t, feed(context.Background(), agent.URL, plan), "the agent answers 400")
}

func TestTheRow(t *testing.T) {
	var b strings.Builder
	row(&b, "syslog", "10 a second", []Cost{{Records: 100, Up: 900, Down: 100}, {Records: 100, Up: 3000, Down: 1000}, {Records: 50, Up: 1000}})
	assert.Equal(t, "| syslog | 10 a second | 10000 | 40000 | 0.25 | 20000 | 0.50 |\n", b.String())
}
