// Package browser drives a real Chromium for the end-to-end tests: what people
// see is tested where they see it. It needs Chromium and Node.js, and
// playwright-core beside this file (`make browser`).
package browser

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

// Required is the variable that makes a missing browser a failure, as in CI.
// Without it the tests that need one are skipped, and say what to install.
const Required = "MSHIP_BROWSER"

// Patience is how long the page has for anything.
const Patience = 20 * time.Second

// Browser is one Chromium with one page. It is for one goroutine.
type Browser struct {
	t   testing.TB
	in  io.WriteCloser
	out *bufio.Scanner
}

// View is how the page is looked at.
type View struct {
	Width, Height int
	Dark          bool
}

// The views that the console is made for.
var (
	Desk  = View{Width: 1280, Height: 900}
	Night = View{Width: 1280, Height: 900, Dark: true}
	Phone = View{Width: 390, Height: 844}
)

// mostAnswer bounds an answer of the driver, in bytes.
const mostAnswer = 64 << 20

// Start starts the browser; it ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	folder, chromium, err := find()
	if err != nil {
		if os.Getenv(Required) != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	node := exec.Command("node", "drive.mjs")
	node.Dir, node.Env, node.Stderr = folder, append(os.Environ(), "CHROMIUM="+chromium), os.Stderr
	in, err := node.StdinPipe()
	require.NoError(t, err)
	out, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	t.Cleanup(func() {
		_ = in.Close() // the driver closes the browser and ends
		_ = node.Wait()
	})
	b := &Browser{t: t, in: in, out: bufio.NewScanner(out)}
	b.out.Buffer(nil, mostAnswer)
	return b
}

func find() (folder, chromium string, err error) {
	root, err := agent.ModuleRoot()
	if err != nil {
		return "", "", err
	}
	folder = filepath.Join(root, "testbed", "browser")
	if _, err := exec.LookPath("node"); err != nil {
		return "", "", errors.New("there is no node: install nodejs and npm, and run `make browser`")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if chromium, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return "", "", errors.New("there is no Chromium: install the package chromium")
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "playwright-core")); err != nil {
		return "", "", errors.New("there is no playwright-core: run `make browser`")
	}
	return folder, chromium, nil
}

// order asks the driver for something; a failure ends the test.
func (b *Browser) order(do string, more map[string]any) json.RawMessage {
	b.t.Helper()
	value, err := b.try(do, more)
	require.NoError(b.t, err, do)
	return value
}

func (b *Browser) try(do string, more map[string]any) (json.RawMessage, error) {
	order := map[string]any{"do": do}
	for k, v := range more {
		order[k] = v
	}
	line, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("the driver is gone: %w", err)
	}
	if !b.out.Scan() {
		return nil, fmt.Errorf("the driver is gone: %w", errors.Join(io.ErrUnexpectedEOF, b.out.Err()))
	}
	var answer struct {
		Value json.RawMessage
		Error string
	}
	if err := json.Unmarshal(b.out.Bytes(), &answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return answer.Value, nil
}

func decode[T any](b *Browser, raw json.RawMessage) (v T) {
	b.t.Helper()
	require.NoError(b.t, json.Unmarshal(raw, &v))
	return v
}

// Open opens a page anew, as nobody has seen it before.
func (b *Browser) Open(url string, v View) {
	b.t.Helper()
	b.order("open", map[string]any{"url": url, "width": v.Width, "height": v.Height, "dark": v.Dark})
}

// Await waits until something that the CSS selector finds is to be seen, with this text if it is not "".
func (b *Browser) Await(selector, text string) {
	b.t.Helper()
	b.AwaitFor(Patience, selector, text)
}

// AwaitFor is Await with another patience.
func (b *Browser) AwaitFor(patience time.Duration, selector, text string) {
	b.t.Helper()
	b.order("wait", map[string]any{"selector": selector, "text": text, "timeout": patience.Milliseconds()})
}

// AwaitGone waits until nothing that the selector finds is to be seen.
func (b *Browser) AwaitGone(selector string) {
	b.t.Helper()
	b.order("gone", map[string]any{"selector": selector, "timeout": Patience.Milliseconds()})
}

// Text is what people read in the first element that the selector finds.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return decode[string](b, b.order("text", map[string]any{"selector": selector}))
}

// Count is how many elements the selector finds.
func (b *Browser) Count(selector string) int {
	b.t.Helper()
	return decode[int](b, b.order("count", map[string]any{"selector": selector}))
}

// Click clicks the first element that the selector finds.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.order("click", map[string]any{"selector": selector})
}

// Fill writes into a field.
func (b *Browser) Fill(selector, value string) {
	b.t.Helper()
	b.order("fill", map[string]any{"selector": selector, "value": value})
}

// Press presses a key, such as Tab or Enter.
func (b *Browser) Press(key string) {
	b.t.Helper()
	b.order("press", map[string]any{"key": key})
}

// Evaluate gives the value of a JavaScript expression in the page.
func Evaluate[T any](b *Browser, expression string) T {
	b.t.Helper()
	return decode[T](b, b.order("evaluate", map[string]any{"script": expression}))
}

// Screenshot writes the whole page to a file of the folder testbed/out, which is not committed.
func (b *Browser) Screenshot(name string) {
	b.t.Helper()
	root, err := agent.ModuleRoot()
	require.NoError(b.t, err)
	folder := filepath.Join(root, "testbed", "out")
	require.NoError(b.t, os.MkdirAll(folder, 0o750))
	b.order("screenshot", map[string]any{"path": filepath.Join(folder, name+".png")})
}

// Seen is what went wrong in the page since it was opened (errors, warnings,
// dialogs), and the address of every request that it has made.
func (b *Browser) Seen() (problems, requests []string) {
	b.t.Helper()
	seen := decode[struct{ Problems, Requests []string }](b, b.order("seen", nil))
	return seen.Problems, seen.Requests
}
