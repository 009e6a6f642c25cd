package mshipdedup

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipdedup/internal/gate"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// httpDoor is the door of one HTTP server.
type httpDoor struct {
	*door
	next http.Handler
}

// ServeHTTP implements http.Handler. What is no OTLP request is not its
// business: the receiver knows what to say.
func (d *httpDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	encoding, ok := encodingOf(r)
	if !ok {
		d.next.ServeHTTP(w, r)
		return
	}
	key, ok := d.key(r.URL.Path, r.Header.Values(d.header))
	if !ok {
		d.next.ServeHTTP(w, r)
		return
	}
	pass, err := d.gate.Enter(r.Context(), key, func() error { return readBody(r) })
	switch {
	case err == nil:
		defer pass.Close()
		d.serve(w, r, pass)
	case errors.Is(err, gate.ErrTaken):
		d.tel.duplicate()
		answerTaken(w, r, encoding)
	case errors.Is(err, errBody):
		d.next.ServeHTTP(w, r) // it finds the same fault, and says so
	default:
		answerBusy(w, encoding, err)
	}
}

// serve holds the answer back until the key is stored.
func (d *httpDoor) serve(w http.ResponseWriter, r *http.Request, pass *gate.Pass) {
	h := &held{ResponseWriter: w}
	d.next.ServeHTTP(h, r)
	if h.isSuccess() {
		pass.Taken(r.Context())
	}
	h.release()
}

// encodingOf is the content type of a request that the otlp receiver would take.
func encodingOf(r *http.Request) (encoding string, ok bool) {
	if r.Method != http.MethodPost {
		return "", false
	}
	encoding, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return encoding, err == nil && (encoding == typeProtobuf || encoding == typeJSON)
}

// answerTaken is what a receiver says that has taken everything. Over HTTP/1 the
// rest of the request is read before: a client that is still sending would see
// the connection break, not the answer. Over HTTP/2 it learns at once that it need not send
// the rest, and so does one that asks first.
func answerTaken(w http.ResponseWriter, r *http.Request, encoding string) {
	if r.ProtoMajor < 2 && r.Header.Get("Expect") == "" {
		_, _ = io.Copy(io.Discard, r.Body) // the answer is true whatever the client does
	}
	var empty []byte // the empty protobuf message has no bytes
	if encoding == typeJSON {
		empty = []byte("{}")
	}
	answer(w, encoding, http.StatusOK, empty)
}

// answerBusy asks the client to come again.
func answerBusy(w http.ResponseWriter, encoding string, reason error) {
	status := &spb.Status{Code: int32(codes.Unavailable), Message: reason.Error()}
	marshal := proto.Marshal
	if encoding == typeJSON {
		marshal = protojson.Marshal
	}
	body, err := marshal(status)
	if err != nil {
		body = nil // two fields that always encode
	}
	w.Header().Set("Retry-After", "1")
	answer(w, encoding, http.StatusServiceUnavailable, body)
}

func answer(w http.ResponseWriter, encoding string, status int, body []byte) {
	w.Header().Set("Content-Type", encoding)
	w.WriteHeader(status)
	_, _ = w.Write(body) // nothing is to be done for a client that is gone
}

var errBody = errors.New("the request's body cannot be read")

// readBody reads the body into memory, as the receiver would: only then does the
// server notice that a client goes away while its request waits. Whoever reads the
// body next finds the same bytes, and the same error after them.
func readBody(r *http.Request) error {
	body := r.Body
	read, err := io.ReadAll(body)
	again := io.Reader(bytes.NewReader(read))
	if err != nil {
		again = io.MultiReader(again, broken{err})
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{again, body}
	if err != nil {
		return errBody
	}
	return nil
}

// broken is a reader that has only its error.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
