// Package http2test reads along on connections of HTTP/2, for tests.
package http2test

import (
	"bytes"
	"context"
	"net"
	"sync"

	"golang.org/x/net/http2"
)

// Tap is a dialer of one connection that keeps what passes on it. It is safe for concurrent use.
type Tap struct {
	mu         sync.Mutex
	sent, came bytes.Buffer
}

// Dial connects to a TCP address.
func (t *Tap) Dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &tapped{Conn: c, tap: t}, nil
}

// FlowControl is what one side has said about it.
type FlowControl struct {
	// Window is the initial window of a stream that it has set, in bytes; 0 if it has set none.
	Window uint32
	// Updates of windows, of the connection's and of streams'.
	Updates int
	// Pings that were not answers to the other side's.
	Pings int
}

// Sent is what the client has said.
func (t *Tap) Sent() FlowControl { return t.read(&t.sent, len(http2.ClientPreface)) }

// Came is what the server has said, and the client has read.
func (t *Tap) Came() FlowControl { return t.read(&t.came, 0) }

// read reads whole frames; the last may still be on its way.
func (t *Tap) read(from *bytes.Buffer, preface int) (said FlowControl) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from.Len() < preface {
		return said
	}
	framer := http2.NewFramer(nil, bytes.NewReader(from.Bytes()[preface:]))
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return said
		}
		said.note(frame)
	}
}

func (f *FlowControl) note(frame http2.Frame) {
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if window, ok := frame.Value(http2.SettingInitialWindowSize); ok {
			f.Window = window
		}
	case *http2.WindowUpdateFrame:
		f.Updates++
	case *http2.PingFrame:
		if !frame.IsAck() {
			f.Pings++
		}
	}
}

type tapped struct {
	net.Conn
	tap *Tap
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.tap.came.Write(p[:n])
	return n, err
}

func (c *tapped) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.tap.sent.Write(p[:n])
	return n, err
}
