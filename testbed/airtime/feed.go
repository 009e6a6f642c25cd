package airtime

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// senders at full rate, how long they wait after a refusal, and how often they
// find no answer in a row: the agent closes connections that say nothing for 2 s.
const (
	senders  = 8
	pauseFor = 20 * time.Millisecond
	tries    = 5
)

// feed brings what the plan says to the agent, as clients do that send again what was refused.
func feed(ctx context.Context, endpoint string, plan Plan) error {
	c, err := plan.corpus()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	bodies := make(chan []byte)
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for body := range bodies {
				if err := post(ctx, client, endpoint+c.Signal.Path(), body); err != nil {
					cancel(err)
				}
			}
		})
	}
	err = plan.produce(ctx, c.Next, bodies)
	close(bodies)
	all.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// produce makes the requests when they are due.
func (p Plan) produce(ctx context.Context, next func(int) ([]byte, error), bodies chan<- []byte) error {
	begin := time.Now()
	for sent := 0; sent < p.Records; {
		n := min(p.Each, p.Records-sent)
		body, err := next(n)
		if err != nil {
			return err
		}
		sent += n
		due := begin
		if p.Rate > 0 {
			due = begin.Add(time.Duration(float64(sent) / p.Rate * float64(time.Second)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case bodies <- body:
		}
	}
	return nil
}

// post sends a request until it is taken.
func post(ctx context.Context, client *http.Client, url string, body []byte) error {
	for try := 1; ; {
		status, err := attempt(ctx, client, url, body)
		switch {
		case err != nil && try == tries:
			return err
		case err != nil:
			try++
		case status == http.StatusOK:
			return nil
		case status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests:
			return fmt.Errorf("the agent answers %d", status)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pauseFor):
		}
	}
}

func attempt(ctx context.Context, client *http.Client, url string, body []byte) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
