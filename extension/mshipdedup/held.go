package mshipdedup

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
)

// maxHeld is how much of an answer is held back. Those of OTLP have a few bytes, or a message.
const maxHeld = 1 << 20

// held is an answer that is held back in memory until release. What does not
// fit, or is flushed, goes out at once.
type held struct {
	http.ResponseWriter
	status   int
	body     bytes.Buffer
	out      bool // the head went out
	hijacked bool
}

// WriteHeader implements http.ResponseWriter.
func (h *held) WriteHeader(status int) {
	switch {
	case status < http.StatusOK && status != http.StatusSwitchingProtocols:
		h.ResponseWriter.WriteHeader(status) // 100 Continue and the like are no answer yet
	case h.status == 0:
		h.status = status
	}
}

// Write implements http.ResponseWriter.
func (h *held) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	if !h.out && h.body.Len()+len(p) > maxHeld {
		h.release()
	}
	if h.out {
		return h.ResponseWriter.Write(p)
	}
	return h.body.Write(p)
}

// Flush implements http.Flusher.
func (h *held) Flush() {
	h.WriteHeader(http.StatusOK)
	h.release()
	if f, ok := h.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Hijack implements http.Hijacker. What is said after it, nobody knows: it is no success.
func (h *held) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.hijacked = h.hijacked || err == nil
	return conn, rw, err
}

// isSuccess: the handler has answered that it took the request. One that says nothing says 200.
func (h *held) isSuccess() bool {
	return !h.hijacked && (h.status == 0 || h.status/100 == 2)
}

// release sends what is held back. Later calls do nothing.
func (h *held) release() {
	if h.out || h.hijacked {
		return
	}
	h.out = true
	if h.status != 0 {
		h.ResponseWriter.WriteHeader(h.status)
	}
	_, _ = h.ResponseWriter.Write(h.body.Bytes()) // nothing is to be done for a client that is gone
}
