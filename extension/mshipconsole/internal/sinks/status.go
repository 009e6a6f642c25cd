package sinks

import (
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/forecast"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/history"
)

// Status is the part of what a sink says that the console reckons with. The page shows the rest.
type Status struct {
	Breaker struct {
		State string `json:"state"`
	} `json:"breaker"`
	Counters struct {
		DeliveredRecords float64 `json:"delivered_records"`
		DeliveredBytes   float64 `json:"delivered_bytes"`
	} `json:"counters"`
	Queue struct {
		Batches   float64 `json:"batches"`
		Records   float64 `json:"records"`
		Bytes     float64 `json:"bytes"`
		Limit     float64 `json:"limit"`
		LimitUnit string  `json:"limit_unit"`
		Load      float64 `json:"load"`
	} `json:"queue"`
	// UpBytes is what a link has sent.
	UpBytes float64 `json:"up_bytes"`
	Storage *struct {
		UsedBytes float64 `json:"used_bytes"`
		MaxBytes  float64 `json:"max_bytes"`
	} `json:"storage"`
}

func (s Status) sample() history.Sample {
	return history.Sample{
		QueueBytes:       s.Queue.Bytes,
		QueueBatches:     s.Queue.Batches,
		DeliveredRecords: s.Counters.DeliveredRecords,
		DeliveredBytes:   s.Counters.DeliveredBytes + s.UpBytes, // a link has no counters
	}
}

func (s Status) trend() forecast.Sample {
	out := forecast.Sample{Closed: s.Breaker.State == "closed" || s.Breaker.State == "", Records: s.Queue.Records, Bytes: s.Queue.Bytes}
	if s.Storage != nil {
		out.Rooms[0] = forecast.Room{Used: s.Storage.UsedBytes, Max: s.Storage.MaxBytes}
	}
	if s.Queue.LimitUnit == "bytes" {
		out.Rooms[1] = forecast.Room{Used: s.Queue.Load, Max: s.Queue.Limit}
	}
	return out
}
