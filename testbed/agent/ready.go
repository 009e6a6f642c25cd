package agent

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// readyLine is what the collector logs, at info, when all of it has started.
// Unlike a port that answers, it cannot be somebody else's.
const readyLine = "Everything is ready"

var (
	errEnded    = errors.New("it ended")
	errNotReady = errors.New("it is not ready after " + startPatience.String())
)

// awaitReady waits until the process is ready, has ended, or patience has.
func (a *Agent) awaitReady(p *process, mark int) error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	ready := func(ctx context.Context) bool { return a.log.await(ctx, mark, readyLine) }
	if slices.Contains([]string{"warn", "error"}, strings.ToLower(a.config.LogLevel)) {
		url := "http://" + a.address(a.ports.Health) + "/"
		ready = func(ctx context.Context) bool { return awaitPage(ctx, url) }
	}
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	switch {
	case ready(ctx) && p.running():
		return nil
	case !p.running():
		return errEnded
	}
	return errNotReady
}

// awaitPage polls url until it answers 200 or ctx ends.
func awaitPage(ctx context.Context, url string) bool {
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-poll.C:
			if _, err := get(ctx, url); err == nil {
				return true
			}
		}
	}
}

// get reads a page of at most 16 MiB that answers 200.
func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Close = true // leave no idle connection behind
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(body), err
}

// portTaken reports whether the agent failed because a port was not free.
func (e *StartError) portTaken() bool {
	return strings.Contains(e.Log, "address already in use")
}
