package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// consoleTimeout bounds one request to the console.
const consoleTimeout = 30 * time.Second

// mostAnswer bounds what is read of an answer, in bytes.
const mostAnswer = 16 << 20

// ConsoleURL is the console's address; the agent must have one.
func (a *Agent) ConsoleURL() string { return fmt.Sprintf("http://127.0.0.1:%d", a.ports.Console) }

// Ask makes a request to the console's API, such as GET /api/v1/sinks, and
// decodes the answer. body is nil for none. An answer that is no 2xx is an error.
func (a *Agent) Ask(method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), consoleTimeout)
	defer cancel()
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.ConsoleURL()+path, sent)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("console: %s %s: %s: %s", method, path, resp.Status, raw)
	}
	return json.Unmarshal(raw, answer)
}
