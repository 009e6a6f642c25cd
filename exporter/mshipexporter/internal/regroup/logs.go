package regroup

import "go.opentelemetry.io/collector/pdata/plog"

func regroupLogs(ld plog.Logs) {
	merge(ld.ResourceLogs(),
		func(k identity, rl plog.ResourceLogs) identity { return k.resource(rl.Resource(), rl.SchemaUrl()) },
		func(from, to plog.ResourceLogs) { from.ScopeLogs().MoveAndAppendTo(to.ScopeLogs()) })
	for _, rl := range ld.ResourceLogs().All() {
		merge(rl.ScopeLogs(),
			func(k identity, sl plog.ScopeLogs) identity { return k.scope(sl.Scope(), sl.SchemaUrl()) },
			func(from, to plog.ScopeLogs) { from.LogRecords().MoveAndAppendTo(to.LogRecords()) })
		for _, sl := range rl.ScopeLogs().All() {
			orderLogs(sl.LogRecords())
		}
	}
}

func orderLogs(records plog.LogRecordSlice) {
	alike := likeness(records, func(r plog.LogRecord) string { return r.Body().Str() })
	places := make([]place, records.Len())
	for i, r := range records.All() {
		at := r.Timestamp()
		if at == 0 {
			at = r.ObservedTimestamp()
		}
		places[i] = place{kind: int32(r.SeverityNumber()), alike: alike[i], time: uint64(at), was: i}
	}
	arrange(records, places, plog.NewLogRecord())
}
