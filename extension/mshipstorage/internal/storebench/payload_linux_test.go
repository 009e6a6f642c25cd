package storebench

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// payloads makes the items of a job, the same in every run.
func payloads(j job) func() []byte {
	seed := [32]byte{1}
	if j.Records > 0 {
		return newShip(rand.NewChaCha8(seed)).batches(j.Records)
	}
	return incompressible(rand.NewChaCha8(seed), j.Size)
}

// incompressible are windows of random bytes, each begun elsewhere.
func incompressible(source *rand.ChaCha8, size int) func() []byte {
	const windows = 256 * 1024
	bytes := make([]byte, windows+size)
	_, _ = source.Read(bytes)
	at := 0
	return func() []byte {
		at = (at + 4099) % windows
		return bytes[at : at+size : at+size]
	}
}

// ship is the syslog of one. Few of its devices and programs say most of it, a
// program keeps its process, and most addresses are those of devices aboard;
// what is measured, counted and timed is seldom the same twice.
type ship struct {
	rand      *rand.Rand
	now       time.Time
	often     *rand.Zipf
	processes map[string]int
	// What was said last, and where.
	last message
	at   string
}

var started = time.Date(2026, 3, 14, 9, 26, 53, 589_793_000, time.UTC)

func newShip(source rand.Source) *ship {
	r := rand.New(source)
	return &ship{
		rand: r, now: started.Add(19 * time.Hour),
		often: rand.NewZipf(r, 1.3, 6, uint64(len(messages)-1)), processes: map[string]int{},
	}
}

func (s *ship) batches(records int) func() []byte {
	return func() []byte {
		logs := plog.NewLogs()
		resource := logs.ResourceLogs().AppendEmpty()
		resource.Resource().Attributes().PutStr("vessel.imo", "9321483")
		out := resource.ScopeLogs().AppendEmpty().LogRecords()
		for range records {
			s.record(out.AppendEmpty())
		}
		b, _ := (&plog.ProtoMarshaler{}).MarshalLogs(logs) // never fails
		return b
	}
}

// record is what the collector's syslog receiver makes of a line: the line
// itself, and its parts in no order. Devices speak RFC 3164, servers RFC 5424.
func (s *ship) record(r plog.LogRecord) {
	s.now = s.now.Add(time.Duration(s.rand.ExpFloat64() * float64(40*time.Millisecond)))
	if s.last.text == "" || s.rand.IntN(2) > 0 { // else it says more of the same
		s.last = messages[s.often.Uint64()]
		s.at = s.last.on[s.rand.IntN(len(s.last.on))]
	}
	says, text, process := s.last, s.text(s.last.text), fmt.Sprint(s.process(s.last.app, s.at))
	priority := int64(says.facility*8 + says.severity)
	parts := map[string]any{
		"appname": says.app, "facility": int64(says.facility), "facility_text": facilities[says.facility], "hostname": s.at,
		"message": text, "priority": priority, "proc_id": process,
	}
	when := s.now.Truncate(time.Second)
	line := fmt.Sprintf("<%d>%s %s %s[%s]: %s", priority, s.now.Format(time.Stamp), s.at, says.app, process, text)
	if slices.Contains(servers, s.at) {
		when = s.now.Truncate(time.Microsecond)
		line = fmt.Sprintf("<%d>1 %s %s %s %s - - %s", priority, s.now.Format("2006-01-02T15:04:05.000000Z07:00"), s.at, says.app, process, text)
		parts["version"] = int64(1)
	}
	names := slices.Sorted(maps.Keys(parts))
	s.rand.Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
	for _, name := range names {
		_ = r.Attributes().PutEmpty(name).FromRaw(parts[name]) // it knows both types
	}
	r.Body().SetStr(line)
	r.SetTimestamp(pcommon.NewTimestampFromTime(when))
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(s.now.Add(time.Duration(s.rand.IntN(5_000_000)))))
	r.SetSeverityText(severities[says.severity].text)
	r.SetSeverityNumber(severities[says.severity].number)
}

// process of a program: of a daemon always the same, of others a new one each time.
func (s *ship) process(app, at string) int {
	if app == "sshd" || app == "CRON" || app == "postfix/smtp" {
		return 300 + s.rand.IntN(32_000)
	}
	if s.processes[app+at] == 0 {
		s.processes[app+at] = 300 + s.rand.IntN(32_000)
	}
	return s.processes[app+at]
}

// text fills in what differs.
func (s *ship) text(form string) string {
	var out strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] != '%' {
			out.WriteByte(form[i])
			continue
		}
		i++
		switch form[i] {
		case 'a': // an address aboard
			fmt.Fprintf(&out, "10.2.%d.%d", s.rand.IntN(4), 10+s.rand.IntN(40))
		case 'A': // one anywhere
			fmt.Fprintf(&out, "%d.%d.%d.%d", 1+s.rand.IntN(223), s.rand.IntN(256), s.rand.IntN(256), s.rand.IntN(256))
		case 'm':
			fmt.Fprintf(&out, "00:1b:21:%02x:%02x:%02x", s.rand.IntN(4), s.rand.IntN(8), s.rand.IntN(8))
		case 'n':
			fmt.Fprint(&out, s.rand.IntN(65_536))
		case 's':
			fmt.Fprint(&out, s.rand.IntN(100))
		case 'f':
			fmt.Fprintf(&out, "%.1f", s.rand.Float64()*100)
		case 'u': // since its start
			fmt.Fprintf(&out, "%.6f", s.now.Sub(started).Seconds())
		case 'x':
			fmt.Fprintf(&out, "%08x", s.rand.Uint32())
		default:
			few := words[form[i]]
			out.WriteString(few[s.rand.IntN(len(few))])
		}
	}
	return out.String()
}

// words are what is said of which there are few.
var words = map[byte][]string{
	'%': {"%"},
	'k': {"Zk3v0cQm8lqYb1nTTHs5", "p0Ue7gWb2yJxV9aLrD4f", "mC6tR1zKqE8wN3sXoH5i"},
	'l': {"40", "44", "52", "60"},
	'o': {"master", "officer", "superintendent"},
	'p': {"22", "23", "80", "443", "445", "1433", "3389", "5060", "8080", "8728"},
	'w': {"1024", "14600", "29200", "64240", "65535"},
}

var (
	anywhere = slices.Concat(bridge, engine, switches, servers, edge)
	bridge   = []string{"bridge-ecdis-1", "bridge-ecdis-2", "bridge-vdr"}
	engine   = []string{"engine-ams-1", "engine-ams-2"}
	switches = []string{"sw-core-1", "sw-core-2", "sw-deck-04", "sw-deck-07", "sw-engine-01"}
	servers  = []string{"srv-office", "srv-crew", "srv-cargo"}
	edge     = []string{"fw-outer", "rtr-lte-1", "modem-vsat", "ap-mess-2", "ap-crew-5"}
)

var facilities = map[int]string{0: "kern", 2: "mail", 3: "daemon", 9: "cron", 10: "authpriv", 16: "local0", 17: "local1", 23: "local7"}

var severities = map[int]struct {
	text   string
	number plog.SeverityNumber
}{
	3: {"err", plog.SeverityNumberError}, 4: {"warning", plog.SeverityNumberWarn},
	5: {"notice", plog.SeverityNumberInfo2}, 6: {"info", plog.SeverityNumberInfo},
}

type message struct {
	on                 []string
	app                string
	facility, severity int
	text               string
}

// messages, those that are heard often first.
var messages = []message{
	{edge[:1], "kernel", 0, 4, "[%u] DROP-IN IN=wan0 OUT= MAC=%m:08:00 SRC=%A DST=%a LEN=%l TOS=0x00 PREC=0x00 TTL=%s ID=%n PROTO=TCP SPT=%n DPT=%p WINDOW=%w RES=0x00 SYN URGP=0"},
	{engine, "ams", 17, 6, "diesel generator %s: load %f kW, frequency %f Hz, lube oil %f bar, cooling water %f C"},
	{servers[:1], "dhcpd", 3, 6, "DHCPACK on %a to %m via eth0.20, relay 10.2.0.1, lease-duration 86400"},
	{bridge[:2], "ecdis", 17, 6, "position 53.%n N 003.%n E, course over ground %f, speed %f kn, HDOP %f, satellites used %s"},
	{servers, "named", 3, 6, "client @0x7f%x %a#%n (updates.example.com): query: updates.example.com IN AAAA +E(0)K (10.2.0.53)"},
	{edge[2:3], "vsat", 16, 6, "carrier lock: Eb/N0 %f dB, transmit %f dBm, beam %s, azimuth %f, elevation %f"},
	{switches, "switchd", 23, 6, "BRIDGE-6-MACMOVE: host %m in vlan 20 moved from port ge-0/0/%s to port ge-0/0/%s"},
	{anywhere, "snmpd", 3, 6, "Connection from UDP: [10.2.0.9]:%n->[%a]:161"},
	{edge[3:], "hostapd", 3, 6, "wlan0: STA %m IEEE 802.11: associated (aid %s), signal -%s dBm"},
	{anywhere, "CRON", 9, 6, "(root) CMD (test -x /usr/sbin/rotate && /usr/sbin/rotate --keep 14 /var/log/local >/dev/null 2>&1)"},
	{anywhere, "sshd", 10, 6, "Accepted publickey for %o from %a port %n ssh2: ED25519 SHA256:%k"},
	{anywhere, "sshd", 10, 6, "pam_unix(sshd:session): session closed for user %o"},
	{edge[1:2], "lte", 16, 5, "handover from cell %x to cell %x: RSRP -%f dBm, SINR %f dB, band %s"},
	{edge[:1], "sshd", 10, 5, "Failed password for invalid user admin from %A port %n ssh2"},
	{servers, "chronyd", 3, 6, "Selected source %a, offset %f us, root delay %f ms, root dispersion %f ms"},
	{servers[:1], "postfix/smtp", 2, 6, "%x: to=<agent@example.com>, relay=mx.example.com[%A]:25, delay=%f, delays=%f/0.1/%f/%f, dsn=4.4.1, status=deferred (connection timed out)"},
	{engine, "ams", 17, 4, "alarm %n: main engine cylinder %s, exhaust gas temperature %f C above limit, fuel rack %f"},
	{servers, "dockerd", 3, 6, "container %x%x health status changed from starting to healthy after %f s"},
	{servers[2:], "reefer", 17, 6, "unit %s: set point %f C, return air %f C, supply air %f C, humidity %f"},
	{switches, "switchd", 23, 4, "LINK-4-ERRORS: port ge-0/0/%s: %n CRC errors, %n input discards in the last 300 s"},
	{edge[2:3], "vsat", 16, 4, "blockage at heading %f: no signal for %s s, %n bytes waiting"},
	{bridge[:2], "ecdis", 17, 4, "CPA alarm: target MMSI 2%n%s, CPA %f nm in %s min, bearing %f"},
	{servers, "named", 3, 4, "network unreachable resolving 'ntp.example.org/A/IN': %A#53"},
	{bridge[2:], "vdr", 17, 6, "recording segment %n closed: %n kB, checksum %x, capsule temperature %f C"},
	{edge[:1], "charon", 3, 6, "%s[IKE] sending DPD request to shore gateway %A, spi %x"},
	{bridge[2:], "kernel", 0, 3, "[%u] mmcblk0: error -110 sending status command, retrying block %n"},
}
