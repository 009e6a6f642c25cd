package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// What an OTLP answer is written in.
const (
	protoType = "application/x-protobuf"
	jsonType  = "application/json"
)

// hint ends every message about a missing proof.
const hint = "if this back end answers so on success, set delivery_proof: status"

var errPage = errors.New("a page for people, as captive portals and proxies send it: log in to the portal, or mend the endpoint; no setting takes it for success")

// prove returns nil if a 2xx answer proves that the far end took the batch.
func prove(p Proof, signal delivery.Signal, req *http.Request, resp *http.Response, body []byte) error {
	switch p {
	case ProofSink:
		return nil
	case ProofStatus:
		if isHTML(resp.Header, body) {
			return errPage
		}
		return nil
	default:
		return proveOTLP(signal, req, resp, body)
	}
}

func proveOTLP(signal delivery.Signal, req *http.Request, resp *http.Response, body []byte) error {
	if isHTML(resp.Header, body) {
		return errPage
	}
	asked, got := mediaType(req.Header), mediaType(resp.Header)
	if asked != got {
		return fmt.Errorf("an OTLP answer has content type %q; %s", asked, hint)
	}
	decode := decodeProto
	if got == jsonType {
		decode = decodeJSON
	}
	if err := decode(signal, body); err != nil {
		return fmt.Errorf("its body is not an OTLP answer: %w; %s", err, hint)
	}
	return nil
}

func decodeProto(signal delivery.Signal, body []byte) error {
	switch signal {
	case delivery.Traces:
		return ptraceotlp.NewExportResponse().UnmarshalProto(body)
	case delivery.Metrics:
		return pmetricotlp.NewExportResponse().UnmarshalProto(body)
	default:
		return plogotlp.NewExportResponse().UnmarshalProto(body)
	}
}

// decodeJSON is strict: pdata's own decoder skips unknown keys, and so takes
// {"login":"required"} for an answer.
func decodeJSON(_ delivery.Signal, body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	var answer struct {
		PartialSuccess json.RawMessage `json:"partialSuccess"`
	}
	return d.Decode(&answer)
}

func mediaType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

func isHTML(h http.Header, body []byte) bool {
	t := mediaType(h)
	if t == "text/html" || t == "application/xhtml+xml" {
		return true
	}
	sniffed, _, _ := mime.ParseMediaType(http.DetectContentType(body))
	return sniffed == "text/html"
}
