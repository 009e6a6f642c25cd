package mshiplink

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/pacer"
)

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient. Each client is a member of its own.
func (l *Link) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	if l.pacer == nil {
		return nil, errNotStarted
	}
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		m := l.join(others, 1, true)
		t, ok := next.(*http.Transport)
		if !ok || !m.carries(t) {
			l.set.Logger.Warn("this client's connections cannot be reached: it is paced by the size of its requests' bodies, without headers, TLS and handshakes; name mship_link as the last of its middlewares",
				zap.String("transport", fmt.Sprintf("%T", next)))
			return &bySize{member: m, next: next}, nil
		}
		return t, nil
	}, nil
}

// carries has the transport dial over the link. It changes the transport itself, which is the
// client's own: a clone would lose what HTTP/2 has been told, and the connections to close.
func (m *member) carries(t *http.Transport) bool {
	//nolint:staticcheck // SA1019: a transport that has the deprecated ones uses them
	if t == http.DefaultTransport || t.DialTLSContext != nil || t.DialTLS != nil || t.Dial != nil {
		return false
	}
	dial := t.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	t.DialContext = m.over(dial)
	return true
}

// bySize paces what it can see of a client: the bodies.
type bySize struct {
	member *member
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b *bySize) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := b.member.await(req.Context()); err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	until := pacer.Interrupt{Closed: req.Context().Done()}
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &pacedBody{ReadCloser: req.Body, member: b.member, until: until}
	}
	if get := req.GetBody; get != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := get()
			return &pacedBody{ReadCloser: body, member: b.member, until: until}, err
		}
	}
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &countedBody{ReadCloser: resp.Body, member: b.member}
	return resp, nil
}

type pacedBody struct {
	io.ReadCloser
	member *member
	until  pacer.Interrupt
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	granted, err := b.member.Take(len(p), false, b.until)
	if err != nil {
		return 0, fmt.Errorf("waiting for the link: %w", err)
	}
	n, err := b.ReadCloser.Read(p[:granted])
	b.member.Return(granted - n)
	b.member.Sent(n)
	return n, err
}

type countedBody struct {
	io.ReadCloser
	member *member
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.member.Received(n)
	return n, err
}
