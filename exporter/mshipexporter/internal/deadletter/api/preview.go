package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
)

const (
	// mostShown is how much of an entry is shown, in bytes; all of it can be exported.
	mostShown = 1 << 20
	// mostRead is how much of an entry is looked at for that.
	mostRead = 4 << 20
	// mostText is how much of a text is left where an entry has to be cut.
	mostText = 1 << 10
)

var errNoJSON = errors.New("it holds something that is no JSON")

// preview reads what is shown of an entry's lines: valid JSON in valid UTF-8,
// whatever is in them. Where it is too much, long texts and lists are cut.
func preview(data io.Reader) (lines []json.RawMessage, truncated bool, err error) {
	text, err := io.ReadAll(io.LimitReader(data, mostRead+1))
	if err != nil {
		return nil, false, err
	}
	if len(text) > mostRead {
		truncated = true
		text = text[:bytes.LastIndexByte(text, '\n')+1]
	}
	lines = []json.RawMessage{}
	left := mostShown
	for line := range bytes.Lines(text) {
		if line = bytes.ToValidUTF8(bytes.TrimSpace(line), []byte("�")); len(line) == 0 {
			continue
		}
		if !json.Valid(line) {
			return nil, false, errNoJSON
		}
		if len(line) > left {
			truncated = true
			if line = shorten(line, left); len(line) > left {
				break
			}
		}
		left -= len(line)
		lines = append(lines, line)
	}
	return lines, truncated, nil
}

// shorten cuts what is long in a line of JSON, so that about so many bytes are left.
func shorten(line []byte, left int) []byte {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return line
	}
	c := cutter{left: left / 2} // what is begun is shown whole
	short, err := json.Marshal(c.cut(v))
	if err != nil {
		return line
	}
	return short
}

// cutter counts what is kept, in bytes as they are written.
type cutter struct{ left int }

func (c *cutter) cut(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) > mostText {
			v = strings.ToValidUTF8(v[:mostText], "") + "…"
		}
		c.count(v)
		return v
	case []any:
		out := []any{}
		for _, e := range v {
			if c.left <= 0 {
				break
			}
			c.left-- // a comma
			out = append(out, c.cut(e))
		}
		return out
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			c.count(key)
			v[key] = c.cut(v[key])
		}
		return v
	default:
		c.count(v)
		return v
	}
}

func (c *cutter) count(v any) {
	written, err := json.Marshal(v)
	if err == nil {
		c.left -= len(written) + 1
	}
}
