// Package route reads the paths of the API. They come from anybody.
package route

import (
	"errors"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Prefix of every path of the API.
const Prefix = "/api/v1/"

var (
	// ErrUnknown is a path that names nothing.
	ErrUnknown = errors.New("there is nothing at this path; API.md lists what there is")
	// ErrRefused is a path that tries to be another one.
	ErrRefused = errors.New("this path is refused: its parts must be plain names, without dots alone, slashes or control characters in them")
)

// Target is what a path asks for. Without a name it is all of them.
type Target struct {
	// Links says that it is a link, and not a sink.
	Links bool
	// Name is any string.
	Name string
	// Rest is below the name: empty, or a path that begins with a slash, is clean and stays below it.
	Rest string
}

// Split reads a path as it is in the URL, escaped.
func Split(escaped string) (Target, error) {
	rest, ok := strings.CutPrefix(escaped, Prefix)
	if !ok {
		return Target{}, ErrUnknown
	}
	parts := strings.Split(rest, "/")
	links := parts[0] == "links"
	if parts[0] != "sinks" && !links {
		return Target{}, ErrUnknown
	}
	if len(parts) == 1 {
		return Target{Links: links}, nil
	}
	name, err := url.PathUnescape(parts[1])
	if err != nil {
		return Target{}, ErrRefused
	}
	if name == "" {
		return Target{}, ErrUnknown
	}
	below, err := join(parts[2:])
	return Target{Links: links, Name: name, Rest: below}, err
}

func join(parts []string) (string, error) {
	var path strings.Builder
	for _, part := range parts {
		name, err := url.PathUnescape(part)
		if err != nil || !isPlain(name) {
			return "", ErrRefused
		}
		path.WriteString("/" + name)
	}
	return path.String(), nil
}

func isPlain(name string) bool {
	return name != "" && name != "." && name != ".." && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) })
}
