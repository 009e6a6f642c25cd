package mshipconsole

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed web
var web embed.FS

// types are given here, and not asked of the machine, whose table may be odd.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	"":      "text/plain; charset=utf-8",
}

type asset struct {
	content     []byte
	contentType string
	tag         string
}

// page serves what is embedded and nothing else: a path is looked up as it is, never in a file system.
type page map[string]asset

func newPage() (page, error) {
	p := page{}
	err := fs.WalkDir(web, "web", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := web.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		p[strings.TrimPrefix(name, "web")] = asset{content, types[path.Ext(name)], `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the page: %w", err)
	}
	p["/"] = p["/index.html"]
	return p, nil
}

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, ok := p[r.URL.EscapedPath()]
	if !ok {
		refuse(w, http.StatusNotFound, "there is nothing at this path; the console's page is at /")
		return
	}
	reading(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", found.contentType)
		w.Header().Set("ETag", found.tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(found.content))
	})(w, r)
}
