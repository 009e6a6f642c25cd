package route_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/route"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for escaped, want := range map[string]route.Target{
		"/api/v1/sinks":                                 {},
		"/api/v1/sinks/shore":                           {Name: "shore"},
		"/api/v1/sinks/shore/dead-letters":              {Name: "shore", Rest: "/dead-letters"},
		"/api/v1/sinks/shore/dead-letters/17-ab/export": {Name: "shore", Rest: "/dead-letters/17-ab/export"},
		"/api/v1/sinks/a%2Fb/status":                    {Name: "a/b", Rest: "/status"},
		"/api/v1/sinks/%3Cb%3E%20%22%C3%BC":             {Name: `<b> "ü`},
		"/api/v1/sinks/%00%FF":                          {Name: "\x00\xff"},
		"/api/v1/sinks/..%2F..":                         {Name: "../.."},
		"/api/v1/links":                                 {Links: true},
		"/api/v1/links/mship_link%2Fvsat/history":       {Links: true, Name: "mship_link/vsat", Rest: "/history"},
	} {
		have, err := route.Split(escaped)
		require.NoError(t, err, escaped)
		assert.Equal(t, want, have, escaped)
	}
}

func TestSplitRefuses(t *testing.T) {
	t.Parallel()
	for escaped, want := range map[string]error{
		"":                                    route.ErrUnknown,
		"/":                                   route.ErrUnknown,
		"/api/v1/":                            route.ErrUnknown,
		"/api/v1/other":                       route.ErrUnknown,
		"/api/v1/links/":                      route.ErrUnknown,
		"/api/v1/links/a/..":                  route.ErrRefused,
		"/api/v2/sinks":                       route.ErrUnknown,
		"/api/v1/sinks/":                      route.ErrUnknown,
		"/api/v1/sinks//status":               route.ErrUnknown,
		"/api/v1/sinks/a/":                    route.ErrRefused,
		"/api/v1/sinks/a//b":                  route.ErrRefused,
		"/api/v1/sinks/a/..":                  route.ErrRefused,
		"/api/v1/sinks/a/../../b":             route.ErrRefused,
		"/api/v1/sinks/a/%2e%2e/etc":          route.ErrRefused,
		"/api/v1/sinks/a/x%2F..%2Fetc":        route.ErrRefused,
		"/api/v1/sinks/a/..%5Cetc":            route.ErrRefused,
		"/api/v1/sinks/a/x%00":                route.ErrRefused,
		"/api/v1/sinks/a/x%0d%0aSet-Cookie:a": route.ErrRefused,
		"/api/v1/sinks/a/%ff":                 route.ErrRefused,
		"/api/v1/sinks/a/%zz":                 route.ErrRefused,
		"/api/v1/sinks/%zz":                   route.ErrRefused,
	} {
		_, err := route.Split(escaped)
		assert.ErrorIs(t, err, want, escaped)
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		"/api/v1/sinks", "/api/v1/sinks/shore/status", "/api/v1/sinks/a%2Fb/dead-letters/1-a", "/api/v1/sinks/a/%2e%2e/x",
		"/api/v1/sinks/a/..%2f..%2fetc%2fpasswd", "/api/v1/sinks/a/%00", "/api/v1/sinks//", "/api/v1/sinks/%", "/api/v1/links/a/history", "/api/v1/../sinks",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		target, err := route.Split(escaped)
		if err != nil {
			return
		}
		if rest := target.Rest; rest != "" {
			require.NotEmpty(t, target.Name)
			require.True(t, strings.HasPrefix(rest, "/"))
			require.Equal(t, path.Clean(rest), rest)
			require.NotContains(t, rest, `\`)
			require.NotContains(t, rest, "\x00")
		}
		if target.Name == "" || target.Name == "." || target.Name == ".." {
			return // no sink has such a name
		}
		kind := map[bool]string{false: "sinks/", true: "links/"}[target.Links]
		again, err := route.Split(route.Prefix + kind + url.PathEscape(target.Name) + (&url.URL{Path: target.Rest}).EscapedPath())
		require.NoError(t, err)
		require.Equal(t, target, again)
	})
}
