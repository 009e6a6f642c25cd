package probe

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

// maxMessage keeps a far end's words to one line of a log, in characters.
const maxMessage = 200

// describe says in one line what came back. Headers are left out but for the
// content type: they can carry secrets.
func describe(resp *http.Response, body []byte) string {
	t := resp.Header.Get("Content-Type")
	what := fmt.Sprintf("the far end answered %d", resp.StatusCode)
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		what += ", a redirect, which is not followed (a captive portal does so; if the far end has moved, mend the endpoint)"
	case t == "":
		what += " without content type"
	default:
		what += fmt.Sprintf(" with content type %q", oneLine(t))
	}
	if words := words(mediaType(resp.Header), body); words != "" {
		what += fmt.Sprintf(" (%s)", words)
	}
	return what
}

// words finds what the far end wrote for people.
func words(mediaType string, body []byte) string {
	switch {
	case mediaType == protoType:
		var s spb.Status
		if proto.Unmarshal(body, &s) != nil {
			return ""
		}
		return oneLine(s.GetMessage())
	case mediaType == "text/plain" || mediaType == jsonType:
		return oneLine(string(body))
	default:
		return ""
	}
}

func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxMessage {
		return string(r[:maxMessage]) + "…"
	}
	return s
}
