package mshipexporter

import (
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/element"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/journal"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payload"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/regroup"
)

// decideOnRegroup tells whether this signal's parcels are ordered, and why.
func (l *lane) decideOnRegroup() {
	why := "regroup is off"
	if l.core.cfg.Regroup == regroupAuto {
		l.regroup, why = l.regroupPays()
	}
	l.core.logger.Debug("it is decided whether parcels are ordered so that they compress",
		zap.String("signal", string(l.signal)), zap.Bool("regroup", l.regroup), zap.String("why", why))
}

// regroupPays: where there is no link, CPU is dearer than bytes.
func (l *lane) regroupPays() (pays bool, why string) {
	compression, known := l.sink.Compression()
	switch {
	case l.core.cfg.Link == nil:
		return false, "without a link CPU is dearer than bytes"
	case !known:
		return false, "the sink does not say how it compresses"
	case l.signal == delivery.Traces && compression != "zstd":
		// In order, spans stand far from the others of their trace: what looks back less than zstd finds no id again.
		return false, "spans in order take more bytes without zstd"
	default:
		return true, "the bytes of the link are dearer than CPU"
	}
}

// regrouped makes one payload of pieces, in order. nil where one of them cannot
// be decoded: that is found out, and reported, by whoever reads the whole.
func (h *handle) regrouped(pieces []journal.Piece) delivery.Payload {
	var parts []delivery.Payload
	for _, p := range pieces {
		if len(p.Payloads) > 0 {
			parts = append(parts, p.Payloads...)
			continue
		}
		part, err := h.encoding.Decode(element.Body{Frames: p.Body, OTLP: p.Bytes})
		if err != nil {
			return nil
		}
		parts = append(parts, part)
	}
	whole := payload.Merge(parts)
	if whole == nil {
		return nil
	}
	regroup.Telemetry(whole.Pdata())
	return payload.Reckoned(whole)
}
