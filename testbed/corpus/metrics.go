package corpus

import (
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// Scrape is how many data points one scrape of the host has.
const Scrape = 109

// host is what the host_metrics receiver reads of a small PC, scrape after
// scrape: every data point of a scrape has the same time.
type host struct {
	dice
	boot   pcommon.Timestamp
	series []*series
	at     int
	scrape pcommon.Timestamp
}

// series is one line of one metric.
type series struct {
	scope, name, unit string
	monotonic, whole  bool
	gauge             bool
	attributes        []string
	value, step       float64
}

func newHost(d dice) *host {
	h := &host{dice: d, boot: pcommon.NewTimestampFromTime(d.now.Add(-40 * time.Hour).Truncate(time.Second))}
	h.cpu()
	h.memory()
	h.disks()
	h.interfaces()
	for i, name := range []string{"system.cpu.load_average.1m", "system.cpu.load_average.5m", "system.cpu.load_average.15m"} {
		h.series = append(h.series, &series{scope: "load", name: name, unit: "{thread}", gauge: true, value: 0.4 + float64(i)/10, step: 0.05})
	}
	return h
}

func (h *host) add(s series, attributes ...string) {
	s.attributes = attributes
	s.value = math.Abs(s.step) * (1000 + 100_000*h.Float64())
	h.series = append(h.series, &s)
}

func (h *host) cpu() {
	for core := range 4 {
		for i, state := range []string{"user", "system", "idle", "interrupt", "nice", "softirq", "steal", "wait"} {
			step := []float64{0.6, 0.3, 9, 0.01, 0, 0.05, 0, 0.1}[i]
			h.add(series{scope: "cpu", name: "system.cpu.time", unit: "s", monotonic: true, step: step}, "cpu", fmt.Sprintf("cpu%d", core), "state", state)
		}
	}
}

func (h *host) memory() {
	for _, state := range []string{"buffered", "cached", "free", "slab_reclaimable", "slab_unreclaimable", "used"} {
		h.add(series{scope: "memory", name: "system.memory.usage", unit: "By", whole: true, step: -4096 * 100}, "state", state)
	}
}

func (h *host) disks() {
	for _, device := range []string{"mmcblk0", "mmcblk0p1", "mmcblk0p2", "sda"} {
		for _, direction := range []string{"read", "write"} {
			h.add(series{scope: "disk", name: "system.disk.io", unit: "By", monotonic: true, whole: true, step: 40960}, "device", device, "direction", direction)
			h.add(series{scope: "disk", name: "system.disk.operations", unit: "{operations}", monotonic: true, whole: true, step: 12}, "device", device, "direction", direction)
			h.add(series{scope: "disk", name: "system.disk.operation_time", unit: "s", monotonic: true, step: 0.02}, "device", device, "direction", direction)
		}
	}
	for _, mount := range []string{"/", "/boot", "/var", "/data"} {
		for _, state := range []string{"free", "reserved", "used"} {
			h.add(series{scope: "filesystem", name: "system.filesystem.usage", unit: "By", whole: true, step: -8192},
				"device", "/dev/mapper"+mount, "mode", "rw", "mountpoint", mount, "state", state, "type", "ext4")
		}
	}
}

func (h *host) interfaces() {
	for _, device := range []string{"lo", "eth0", "eth1", "wwan0"} {
		for _, direction := range []string{"receive", "transmit"} {
			h.add(series{scope: "network", name: "system.network.io", unit: "By", monotonic: true, whole: true, step: 90_000}, "device", device, "direction", direction)
			h.add(series{scope: "network", name: "system.network.packets", unit: "{packets}", monotonic: true, whole: true, step: 200}, "device", device, "direction", direction)
			h.add(series{scope: "network", name: "system.network.errors", unit: "{errors}", monotonic: true, whole: true}, "device", device, "direction", direction)
			h.add(series{scope: "network", name: "system.network.dropped", unit: "{packets}", monotonic: true, whole: true, step: 0.1}, "device", device, "direction", direction)
		}
	}
}

// next gives n data points, as the scrapes follow one another; a request of
// many has many scrapes, each with a resource of its own.
func (h *host) next(n int) ([]byte, error) {
	md := pmetric.NewMetrics()
	for n > 0 {
		if h.at == 0 {
			h.scrape = h.nextScrape()
		}
		count := min(n, len(h.series)-h.at)
		h.points(md.ResourceMetrics().AppendEmpty(), h.series[h.at:h.at+count])
		h.at = (h.at + count) % len(h.series)
		n -= count
	}
	return pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
}

// nextScrape: as many points a second as the other corpora have records.
func (h *host) nextScrape() pcommon.Timestamp {
	h.now = h.now.Add(time.Duration(len(h.series))*h.every + time.Duration(h.IntN(2_000_000)))
	return pcommon.NewTimestampFromTime(h.now)
}

func (h *host) points(rm pmetric.ResourceMetrics, of []*series) {
	vessel(rm.Resource(), "host.name", "bridge-01", "os.type", "linux")
	var scope pmetric.ScopeMetrics
	var points pmetric.NumberDataPointSlice
	for i, s := range of {
		if i == 0 || s.scope != of[i-1].scope {
			scope = rm.ScopeMetrics().AppendEmpty()
			scope.Scope().SetName("github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver/internal/scraper/" + s.scope + "scraper")
			scope.Scope().SetVersion("0.160.0")
		}
		points = s.metric(scope.Metrics())
		h.point(points.AppendEmpty(), s)
	}
}

// metric finds the series' metric in its scope, or makes it.
func (s *series) metric(all pmetric.MetricSlice) pmetric.NumberDataPointSlice {
	for _, m := range all.All() {
		if m.Name() != s.name {
			continue
		}
		if s.gauge {
			return m.Gauge().DataPoints()
		}
		return m.Sum().DataPoints()
	}
	m := all.AppendEmpty()
	m.SetName(s.name)
	m.SetUnit(s.unit)
	m.SetDescription("What the host says of " + s.name + ".")
	if s.gauge {
		return m.SetEmptyGauge().DataPoints()
	}
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(s.monotonic)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return sum.DataPoints()
}

func (h *host) point(p pmetric.NumberDataPoint, s *series) {
	for i := 0; i+1 < len(s.attributes); i += 2 {
		p.Attributes().PutStr(s.attributes[i], s.attributes[i+1])
	}
	if !s.gauge {
		p.SetStartTimestamp(h.boot)
	}
	p.SetTimestamp(h.scrape)
	switch {
	case s.gauge:
		s.value = math.Abs(s.value + s.step*h.NormFloat64())
	case s.step < 0:
		s.value = math.Abs(s.value + s.step*h.NormFloat64())
	case h.IntN(4) > 0: // much stands still between two scrapes
		s.value += s.step * h.ExpFloat64()
	}
	if s.whole {
		p.SetIntValue(int64(s.value))
		return
	}
	p.SetDoubleValue(math.Round(s.value*100) / 100)
}
