package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/satellite"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
	"github.com/otelcol-mship/otelcol-mship/testbed/tally"
)

// The link of these tests.
const (
	vsatRate  = 524_288 // bytes per second
	vsatBurst = 65_536
	oneWay    = 300 * time.Millisecond
)

// A parcel of these tests: ten of them, which are on their way together, are two
// of the link's round trips full.
const (
	parcelRecords = 60
	recordNoise   = 2000
	parcelBytes   = parcelRecords * (recordNoise + 350) // about
)

// airwayPlan is what a test of the link is made of.
type airwayPlan struct {
	link    string // settings of mship_link/vsat beside the rate, as YAML in one line: "a: 1, b: 2"
	rate    int    // bytes per second; 0 is vsatRate
	sky     satellite.Settings
	senders []sender // each has all the records to send, to a shore of its own
}

// sender is an exporter on the link.
type sender struct {
	name  string
	way   string // http, https or grpc
	stock bool   // without mship around it
	more  string // settings beside the link's name, as YAML in one line
}

// airway is a scene with a satellite in the middle.
//
//	           ┌─▶ port ─┐              ┌─▶ shore
//	agent ─────┤         ├─ satellite ──┤
//	           └─▶ port ─┘              └─▶ shore
//
// The scene's shore is the first sender's.
type airway struct {
	*scene
	plan   airwayPlan
	sky    *satellite.Link
	shores []*shore.Shore
	ports  []*satellite.Port // down until arrives
}

// alone runs a test in parallel, but in the long form: what is measured there to the last percent
// has the machine to itself.
func alone(t *testing.T) {
	if inLong(true, false) {
		t.Parallel()
	}
}

// newAirway starts all of it, with ports that are down.
func newAirway(t *testing.T, plan airwayPlan) *airway {
	t.Helper()
	if plan.rate == 0 {
		plan.rate = vsatRate
	}
	w := &airway{plan: plan}
	w.sky = satellite.Start(t, plan.sky)
	var sinks []string
	for _, s := range plan.senders {
		sinks = append(sinks, w.reaches(t, s.way))
	}
	w.scene = boardScene(t, overTheLink(plan.rate, plan.link, plan.senders, sinks), w.shores[0])
	return w
}

// reaches starts a shore and the way to it, and gives the sink that takes it.
func (w *airway) reaches(t *testing.T, way string) (sink string) {
	t.Helper()
	opts, caFile := []shore.Option{shore.TakeOnce()}, ""
	if way == "https" {
		identity, file, err := shore.NewIdentity(t.TempDir())
		require.NoError(t, err)
		opts, caFile = append(opts, shore.WithTLS(identity)), file
	}
	far := shore.Start(t, opts...)
	_, target, _ := strings.Cut(far.HTTPEndpoint(), "://")
	if way == "grpc" {
		target = far.GRPCEndpoint()
	}
	port := w.sky.To(t, target)
	w.shores, w.ports = append(w.shores, far), append(w.ports, port)
	return sinkOver(way, port.Address(), caFile)
}

// loads puts so many parcels into every sender's queue.
func (w *airway) loads(parcels int) (records int) {
	w.t.Helper()
	records = parcels * parcelRecords
	done := w.send(load.Plan{Records: records, Batch: parcelRecords, Noise: recordNoise, Mix: []record.Signal{record.Logs}})
	select {
	case <-done:
	case <-time.After(inLong(drained, 10*time.Minute)):
		require.FailNow(w.t, "the backlog is not in the queue")
	}
	return records
}

// parcelsFor is how many parcels a link carries in that time.
func (w *airway) parcelsFor(span time.Duration) int {
	return int(span.Seconds()*float64(w.plan.rate)) / parcelBytes
}

// arrives opens the ports, and waits until all senders flow: from then on the link is to be full.
func (w *airway) arrives() (since time.Time) {
	w.t.Helper()
	for _, p := range w.ports {
		require.NoError(w.t, p.Up())
	}
	for i, p := range w.ports {
		w.await(prompt, w.plan.senders[i].name+" flows", func() bool { return p.FromShip.Total() > 3*parcelBytes })
	}
	return time.Now()
}

// sent is how many bytes have arrived at the ports.
func (w *airway) sent() (bytes int) {
	for _, p := range w.ports {
		bytes += p.FromShip.Total()
	}
	return bytes
}

// share is how much of the cap the senders have used in that time, 0 to 1.
func (w *airway) share(since time.Time, span time.Duration, senders ...int) float64 {
	bytes := 0
	for _, i := range senders {
		bytes += w.ports[i].FromShip.Sum(since, since.Add(span))
	}
	return float64(bytes) / span.Seconds() / float64(w.plan.rate)
}

// requireUsed: that much of the cap was used, if the machine let the agent run; in the long form it has to.
func (w *airway) requireUsed(since time.Time, span time.Duration, least float64, senders ...int) {
	w.t.Helper()
	<-time.After(time.Until(since.Add(span)))
	used := w.share(since, span, senders...)
	w.t.Logf("used over %s: %.3f of the cap", span, used)
	assert.True(w.t, used >= least || !w.ran(since, span), "used %.3f of the cap", used)
}

// ran says whether the machine let everybody run in that time. Where it did not, what there is
// too little of is nobody's fault, but for the long form, which is no proof on a busy machine.
func (w *airway) ran(since time.Time, span time.Duration) bool {
	still := w.sky.Stalled(since, since.Add(span))
	if inLong(still < span/3, true) {
		return true
	}
	w.t.Logf("the machine stood still for %s of %s: it does not tell how much the agent could send", still.Round(time.Millisecond), span)
	return false
}

// requireCapped: no second has more than rate and burst. A machine that stands still for a while
// lets things come together; then nobody can tell, but it is not for long that more may come.
func (w *airway) requireCapped() {
	w.t.Helper()
	var records []*satellite.Record
	for _, p := range w.ports {
		records = append(records, p.FromShip)
	}
	calm, _ := satellite.Most(time.Second, w.sky.Calm, records...)
	most, at := satellite.Most(time.Second, nil, records...)
	rate := w.plan.rate
	w.t.Logf("most in a second: %d bytes, %.3f of the rate; %.3f with the seconds in which the machine stood still, until %s",
		calm, float64(calm)/float64(rate), float64(most)/float64(rate), at.Format(time.TimeOnly+".000"))
	assert.LessOrEqual(w.t, calm, rate+vsatBurst*rate/vsatRate)
	assert.LessOrEqual(w.t, most, 3*rate)
	assert.GreaterOrEqual(w.t, calm, inLong(0, rate*9/10), "there is no second in which it did not")
}

// requireAshore makes up the balance at every shore.
func (w *airway) requireAshore(records int) {
	w.t.Helper()
	w.await(inLong(drained, 10*time.Minute), "every record is ashore", func() bool {
		for _, far := range w.shores {
			if far.Delivered() < records {
				return false
			}
		}
		return true
	})
	acknowledged := w.ledger.Acknowledged()
	require.Len(w.t, acknowledged, records)
	parked := tally.ParkedIDs(w.deadLetters())
	for i, far := range w.shores {
		balance := tally.Compare(acknowledged, far.Counts(), parked)
		made, reset := w.ports[i].Connections()
		w.t.Logf("%s: %s; %d came twice and were told by their keys; %d connections, %d reset", w.plan.senders[i].name, balance, far.Repeats(), made, reset)
		assert.True(w.t, balance.Exact(), balance)
		assert.Empty(w.t, balance.Parked)
		assert.Empty(w.t, far.ChangedKeys())
	}
}
