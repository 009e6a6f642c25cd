package corpus

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// nmea is what a bridge's instruments say, one sentence a record (IEC 61162-1).
type nmea struct {
	dice
	latitude, longitude, course, speed, depth float64
	turn                                      int
}

func newNMEA(d dice) *nmea {
	return &nmea{dice: d, latitude: 5912.4412, longitude: 1034.9123, course: 271.4, speed: 14.2, depth: 83}
}

// sentences in the order in which the instruments repeat themselves. Those
// that come several times are heard several times as often.
var sentences = []func(n *nmea) string{
	(*nmea).gga, (*nmea).rmc, (*nmea).vtg, (*nmea).hdt, (*nmea).rot, (*nmea).ais, (*nmea).hdt, (*nmea).dpt, (*nmea).ais, (*nmea).mwv,
	(*nmea).gga, (*nmea).rmc, (*nmea).vtg, (*nmea).hdt, (*nmea).rot, (*nmea).ais, (*nmea).hdt, (*nmea).gsv, (*nmea).ais, (*nmea).mwv,
}

func (n *nmea) next(count int) ([]byte, error) {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	vessel(rl.Resource(), "service.name", "nmea-bridge")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("nmea")
	for range count {
		at := n.tick()
		n.sail()
		sentence := sentences[n.turn%len(sentences)](n)
		n.turn++
		r := sl.LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(at))
		r.SetObservedTimestamp(pcommon.NewTimestampFromTime(at) + pcommon.Timestamp(20_000+n.IntN(100_000)))
		r.Body().SetStr(fmt.Sprintf("%s*%02X", sentence, checksum(sentence)))
		r.Attributes().PutStr("nmea.talker", sentence[1:3])
		r.Attributes().PutStr("nmea.source", "udp:10110")
	}
	return plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
}

func checksum(sentence string) (sum byte) {
	for i := 1; i < len(sentence); i++ {
		sum ^= sentence[i]
	}
	return sum
}

// sail lets what is measured drift.
func (n *nmea) sail() {
	n.latitude += 0.0004 * n.Float64()
	n.longitude -= 0.0009 * n.Float64()
	n.course += n.NormFloat64() / 10
	n.speed += n.NormFloat64() / 40
	n.depth += n.NormFloat64() / 5
}

func (n *nmea) clock() string { return n.now.UTC().Format("150405.00") }

func (n *nmea) gga() string {
	return fmt.Sprintf("$GPGGA,%s,%.4f,N,%010.4f,E,2,%02d,%.1f,%.1f,M,41.2,M,,", n.clock(), n.latitude, n.longitude, 8+n.IntN(5), 0.7+n.Float64()/2, 21+n.NormFloat64())
}

func (n *nmea) rmc() string {
	return fmt.Sprintf("$GPRMC,%s,A,%.4f,N,%010.4f,E,%.1f,%.1f,%s,3.1,E,D", n.clock(), n.latitude, n.longitude, n.speed, n.course, n.now.UTC().Format("020106"))
}

func (n *nmea) vtg() string {
	return fmt.Sprintf("$GPVTG,%.1f,T,%.1f,M,%.1f,N,%.1f,K,D", n.course, n.course-3.1, n.speed, n.speed*1.852)
}

func (n *nmea) hdt() string { return fmt.Sprintf("$HEHDT,%.2f,T", n.course+n.NormFloat64()/3) }
func (n *nmea) rot() string { return fmt.Sprintf("$HEROT,%.1f,A", n.NormFloat64()*4) }

func (n *nmea) dpt() string { return fmt.Sprintf("$SDDPT,%.1f,6.5,200.0", n.depth) }

func (n *nmea) mwv() string {
	return fmt.Sprintf("$WIMWV,%.1f,R,%.1f,N,A", 45+10*n.NormFloat64(), 18+3*n.NormFloat64())
}

func (n *nmea) gsv() string {
	s := fmt.Sprintf("$GPGSV,3,%d,12", 1+n.IntN(3))
	for range 4 {
		s += fmt.Sprintf(",%02d,%02d,%03d,%02d", 1+n.IntN(32), 5+n.IntN(80), n.IntN(360), 20+n.IntN(30))
	}
	return s
}

const sixBit = "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW`abcdefghijklmnopqrstuvw"

// ais is a position report of one of the ships around; half of it is what does not change.
func (n *nmea) ais() string {
	ship := n.IntN(40)
	payload := []byte(fmt.Sprintf("13%c%c%c00000", sixBit[ship], sixBit[(ship*7)%64], sixBit[(ship*13)%64]))
	for range 18 {
		payload = append(payload, sixBit[n.IntN(64)])
	}
	return fmt.Sprintf("!AIVDM,1,1,,%c,%s,0", "AB"[n.IntN(2)], payload)
}
