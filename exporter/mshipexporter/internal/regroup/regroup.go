// Package regroup orders a parcel's telemetry so that it compresses: what came
// in a hundred requests has its resource and its scope once, and records that
// are alike stand side by side. Nothing is added, lost or changed; any OTLP back
// end takes it. The same telemetry always gives the same bytes.
package regroup

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Telemetry orders what is in plog.Logs, pmetric.Metrics or ptrace.Traces. It
// moves, and copies nothing. Nobody else may use them meanwhile.
//
// Equal resources become one where the first of them stands, and in them equal
// scopes. Of these the records are ordered by what few of them differ in, then
// by time; metrics of one identity become one, with the points of each of its
// series in the order of their times. What is equal in all that stays in the
// order in which it came.
func Telemetry(pdata any) {
	switch data := pdata.(type) {
	case plog.Logs:
		regroupLogs(data)
	case pmetric.Metrics:
		regroupMetrics(data)
	case ptrace.Traces:
		regroupTraces(data)
	}
}
