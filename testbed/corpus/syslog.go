package corpus

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// syslog is what the syslog receiver makes of RFC 5424 lines: the line as the
// body, and eight attributes.
type syslog struct{ dice }

func newSyslog(d dice) *syslog { return &syslog{d} }

// program is one that writes to syslog; a message has verbs for numbers and addresses.
type program struct {
	name     string
	host     string
	facility int
	severity int
	messages []func(s *syslog) string
}

func text(format string, args ...func(s *syslog) any) func(s *syslog) string {
	return func(s *syslog) string {
		values := make([]any, 0, len(args))
		for _, a := range args {
			values = append(values, a(s))
		}
		return fmt.Sprintf(format, values...)
	}
}

func number(limit int) func(s *syslog) any { return func(s *syslog) any { return s.IntN(limit) } }
func ip(s *syslog) any                     { return s.address() }
func mac(s *syslog) any {
	return fmt.Sprintf("00:1b:%02x:%02x:3c:%02x", s.IntN(4), s.IntN(8), s.IntN(64))
}
func reading(lo, hi float64) func(*syslog) any {
	return func(s *syslog) any { return fmt.Sprintf("%.2f", lo+(hi-lo)*s.Float64()) }
}

var programs = []program{
	{"sshd", "bridge-01", 4, 6, []func(*syslog) string{
		text("Accepted publickey for engineer from %s port %d ssh2: ED25519 SHA256:q0o8mXhU1l4q6", ip, number(65536)),
		text("Connection closed by %s port %d [preauth]", ip, number(65536)),
		text("pam_unix(sshd:session): session opened for user engineer(uid=%d) by (uid=0)", number(1200)),
	}},
	{"dhcpd", "gateway-01", 3, 6, []func(*syslog) string{
		text("DHCPREQUEST for %s from %s via eth1", ip, mac),
		text("DHCPACK on %s to %s via eth1", ip, mac),
	}},
	{"kernel", "gateway-01", 0, 4, []func(*syslog) string{
		text("[UFW BLOCK] IN=eth0 OUT= MAC=%s SRC=%s DST=%s LEN=%d TOS=0x00 PREC=0x00 TTL=%d ID=%d DF PROTO=TCP SPT=%d DPT=%d WINDOW=64240 RES=0x00 SYN URGP=0",
			mac, ip, ip, number(1500), number(255), number(65536), number(65536), number(65536)),
	}},
	{"modem", "vsat-01", 16, 5, []func(*syslog) string{
		text("rx-snr=%sdB tx-power=%sdBm beam=%d az=%s el=%s locked", reading(6, 12), reading(20, 33), number(40), reading(0, 360), reading(10, 80)),
		text("beam switch %d -> %d, hub delay %d ms", number(40), number(40), number(700)),
	}},
	{"snmpd", "switch-03", 3, 6, []func(*syslog) string{
		text("Connection from UDP: [%s]:%d->[10.10.0.3]:161", ip, number(65536)),
		text("linkUp port %d speed 1000 full", number(48)),
	}},
	{"ams", "engine-01", 17, 3, []func(*syslog) string{
		text("ALARM ME cyl %d exhaust gas temp high %s C limit 450.00 C", number(8), reading(450, 490)),
		text("WARNING FO viscosity %s cSt out of range 10.00..15.00", reading(5, 18)),
		text("tank %d level %s m volume %s m3", number(24), reading(0, 12), reading(0, 900)),
	}},
	{"systemd", "bridge-01", 3, 6, []func(*syslog) string{
		text("Started Session %d of user engineer.", number(100000)),
		text("logrotate.service: Deactivated successfully."),
	}},
	{"ecdis", "bridge-02", 16, 6, []func(*syslog) string{
		text("route monitor: xte %s nm, dtg %s nm, ttg %d min", reading(0, 1), reading(0, 900), number(6000)),
		text("chart cell NO4D%04d loaded in %d ms", number(2000), number(900)),
	}},
}

func (s *syslog) next(n int) ([]byte, error) {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	vessel(rl.Resource())
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for range n {
		s.record(records.AppendEmpty())
	}
	return plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
}

var severities = map[int]plog.SeverityNumber{
	3: plog.SeverityNumberError, 4: plog.SeverityNumberWarn, 5: plog.SeverityNumberInfo2, 6: plog.SeverityNumberInfo,
}

var severityTexts = map[int]string{3: "err", 4: "warning", 5: "notice", 6: "info"}

func (s *syslog) record(r plog.LogRecord) {
	at := s.tick()
	x := s.Float64()
	p := programs[int(x*x*float64(len(programs)))]
	message := p.messages[s.IntN(len(p.messages))](s)
	priority, process := p.facility*8+p.severity, 400+len(p.name)*37
	if p.name == "sshd" {
		process = 1000 + s.IntN(30000)
	}
	r.SetTimestamp(pcommon.NewTimestampFromTime(at.Truncate(time.Microsecond)))
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(50_000 + s.IntN(400_000)))))
	r.SetSeverityNumber(severities[p.severity])
	r.SetSeverityText(severityTexts[p.severity])
	r.Body().SetStr(fmt.Sprintf("<%d>1 %s %s %s %d - - %s", priority, at.UTC().Format("2006-01-02T15:04:05.000000Z"), p.host, p.name, process, message))
	a := r.Attributes()
	a.PutStr("appname", p.name)
	a.PutInt("facility", int64(p.facility))
	a.PutStr("hostname", p.host)
	a.PutStr("message", message)
	a.PutInt("priority", int64(priority))
	a.PutStr("proc_id", fmt.Sprint(process))
	a.PutInt("version", 1)
	a.PutStr("net.peer.ip", "10.10.0."+fmt.Sprint(10+len(p.host)))
}
