package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// maxBody is how much of an answer is read. OTLP answers are far smaller, but
// one that names each record that it did not take is a proof of delivery as well.
const maxBody = 1 << 20

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient.
func (p *Probe) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		// Innermost of the client's middlewares, so this is the client's own transport.
		if t, ok := next.(*http.Transport); ok {
			p.watchDials(t)
			return &roundTripper{probe: p, next: next, proxy: t.Proxy}, nil
		}
		return &roundTripper{probe: p, next: next}, nil
	}, nil
}

func (p *Probe) watchDials(t *http.Transport) {
	dial := t.DialContext
	if dial == nil || p.Dial != nil {
		dial = p.dialer()
	}
	var held atomic.Int64 // nobody asks: a request is armed by the dial that goes to the network
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := p.connect(ctx, dial, network, address, &held)
		if err != nil {
			return nil, err
		}
		return watch(c), nil
	}
}

// dialer is how connections are made.
func (p *Probe) dialer() dialFunc {
	if p.Dial != nil {
		return p.Dial
	}
	return (&net.Dialer{}).DialContext
}

type roundTripper struct {
	probe *Probe
	next  http.RoundTripper
	// proxy of the transport below; nil if it has none.
	proxy func(*http.Request) (*url.URL, error)
}

// RoundTrip makes exactly one attempt and records its reply. What is no proof
// of delivery becomes an error here, before anybody can take it for success;
// so does a redirect, before the client follows it with our credentials.
func (rt *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := delivery.AnswerFrom(req.Context())
	if answer == nil {
		return rt.next.RoundTrip(req)
	}
	if rt.proxied(req) {
		rt.probe.reach.through()
	}
	resp, reply := rt.exchange(req, answer)
	if !reply.Accepted || rt.probe.Proof != ProofSink {
		answer.Record(reply)
	}
	if resp == nil {
		return nil, replyError(reply)
	}
	return resp, nil
}

func (rt *roundTripper) proxied(req *http.Request) bool {
	if rt.proxy == nil {
		return false
	}
	proxy, err := rt.proxy(req)
	return err == nil && proxy != nil
}

func replyError(r delivery.Reply) error {
	if r.Err != nil {
		return r.Err
	}
	return errors.New(r.Message)
}

// exchange gives the response only where the sink may see it.
func (rt *roundTripper) exchange(req *http.Request, answer *delivery.Answer) (*http.Response, delivery.Reply) {
	ctx, s := listen(req.Context(), rt.probe.Silence, nil)
	defer s.stop()
	once := req.Clone(httptrace.WithClientTrace(ctx, s.trace()))
	// With a GetBody net/http may resend by itself: every attempt is to be ours.
	once.GetBody = nil
	if rt.probe.Header != "" {
		once.Header.Set(rt.probe.Header, answer.NextKey().String())
	}
	resp, err := rt.next.RoundTrip(once)
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, s.failure(ctx, fmt.Errorf("the answer broke off after %d bytes: %w", len(body), err))
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return rt.judge(req, resp, body, answer.Signal)
}

func (rt *roundTripper) judge(req *http.Request, resp *http.Response, body []byte, signal delivery.Signal) (*http.Response, delivery.Reply) {
	reply := delivery.Reply{Status: resp.StatusCode, Message: describe(resp, body)}
	switch {
	case resp.StatusCode < 200 || resp.StatusCode >= 300:
		reply.RetryAfter = retryAfter(resp.Header, time.Now())
		if resp.StatusCode < 400 {
			return nil, reply
		}
		return resp, reply
	default:
		if err := prove(rt.probe.Proof, signal, req, resp, body); err != nil {
			reply.Message = "no proof of delivery: " + reply.Message + ": " + err.Error()
			return nil, reply
		}
		reply.Accepted = true
		reply.Rejected, reply.Why = partialHTTP(signal, mediaType(resp.Header), body)
		return resp, reply
	}
}
