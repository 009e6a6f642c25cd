package payload

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func payloadTime(resource, scope, n int) pcommon.Timestamp {
	return pcommon.Timestamp(100*resource + 10*scope + n)
}

func times(ld plog.Logs) (out []pcommon.Timestamp) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				out = append(out, r.Timestamp())
			}
		}
	}
	return out
}

func emptyScopes(ld plog.Logs) (n int) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			if sl.LogRecords().Len() == 0 {
				n++
			}
		}
	}
	return n
}
