package mshipconsole

import (
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestThePageIsServed(t *testing.T) {
	t.Parallel()
	d := up(t)
	for name, contentType := range map[string]string{
		"/":                               "text/html; charset=utf-8",
		"/index.html":                     "text/html; charset=utf-8",
		"/style.css":                      "text/css; charset=utf-8",
		"/app.js":                         "text/javascript; charset=utf-8",
		"/icon.svg":                       "image/svg+xml",
		"/vendor/uplot/uPlot.iife.min.js": "text/javascript; charset=utf-8",
		"/vendor/uplot/uPlot.min.css":     "text/css; charset=utf-8",
		"/vendor/uplot/LICENSE":           "text/plain; charset=utf-8",
	} {
		answer, body := d.ask(http.MethodGet, name, "", nil)
		assert.Equal(t, http.StatusOK, answer.StatusCode, name)
		assert.Equal(t, contentType, answer.Header.Get("Content-Type"), name)
		assert.NotEmpty(t, body, name)
		policy := answer.Header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'self'")
		assert.Contains(t, policy, "frame-ancestors 'none'")
		assert.NotContains(t, policy, "unsafe")
		assert.Equal(t, "no-referrer", answer.Header.Get("Referrer-Policy"))
		assert.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
		again, body := d.ask(http.MethodGet, name, "", header{"If-None-Match": answer.Header.Get("ETag")})
		assert.Equal(t, http.StatusNotModified, again.StatusCode, name)
		assert.Empty(t, body)
	}
	answer, body := d.ask(http.MethodHead, "/", "", nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Empty(t, body)
}

// own calls f with every file of the page that is ours.
func own(t *testing.T, f func(name, text string)) {
	t.Helper()
	require.NoError(t, fs.WalkDir(web, "web", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(name, "web/vendor/") {
			return err
		}
		content, err := web.ReadFile(name)
		f(name, string(content))
		return err
	}))
}

// What is shown becomes text: nothing in the page can make HTML or code of a string.
func TestNothingBecomesHTML(t *testing.T) {
	t.Parallel()
	dangerous := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc|javascript:|createContextualFragment|setHTML`)
	own(t, func(name, text string) { assert.NotRegexp(t, dangerous, text, name) })
}

func TestNothingIsInlineOrFromElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := regexp.MustCompile(`(https?:)?//[a-z0-9-]+\.[a-z]`)
	own(t, func(name, text string) {
		text = strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")
		assert.NotRegexp(t, elsewhere, text, name)
		if path.Ext(name) == ".html" {
			assert.NotRegexp(t, `<style|\sstyle=|\son[a-z]+=|<script(>| [^>]*>[^<])`, text, name)
		}
	})
}

// The page has no build step that would find it.
func TestEveryModuleIsThere(t *testing.T) {
	t.Parallel()
	imported := regexp.MustCompile(`from "\./([^"]+)"`)
	own(t, func(name, text string) {
		for _, match := range imported.FindAllStringSubmatch(text, -1) {
			_, err := fs.Stat(web, "web/"+match[1])
			assert.NoError(t, err, name)
		}
	})
}
