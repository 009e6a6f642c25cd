package shore

import (
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
)

// Reply is an answer. The zero value is the correct OTLP answer of success: on
// HTTP 200 with the request's own content type and an ExportServiceResponse, on
// gRPC OK.
type Reply struct {
	Status      int    // HTTP status; 0 is the correct OTLP answer
	ContentType string // "" sends no Content-Type header at all
	Body        string // on gRPC it is the status message
	Location    string // "" sends no Location header

	RetryAfter     time.Duration // 0 asks for no delay; rounded up to whole seconds on HTTP
	RetryAfterDate bool          // on HTTP send the delay as a date
	Skew           time.Duration // how far the shore's clock, so its Date header, is ahead

	Code codes.Code // gRPC code; OK derives it from Status
}

// StatusOption changes the answer of Status.
type StatusOption func(*Reply)

// RetryAfter asks for a delay: on HTTP as seconds, on gRPC as RetryInfo.
func RetryAfter(d time.Duration) StatusOption {
	return func(r *Reply) { r.RetryAfter = d }
}

// RetryAfterDate asks for a delay: on HTTP as a date, on gRPC as RetryInfo.
func RetryAfterDate(d time.Duration) StatusOption {
	return func(r *Reply) { r.RetryAfter, r.RetryAfterDate = d, true }
}

// Skew sets the shore's clock ahead by d (behind if negative): it moves the
// Date header and a Retry-After date alike.
func Skew(d time.Duration) StatusOption {
	return func(r *Reply) { r.Skew = d }
}

// WithBody sets content type and body; an empty content type sends no header.
func WithBody(contentType, body string) StatusOption {
	return func(r *Reply) { r.ContentType, r.Body = contentType, body }
}

// WithCode sets the gRPC code where the one derived from the status is not meant.
func WithCode(code codes.Code) StatusOption {
	return func(r *Reply) { r.Code = code }
}

// Status answers every request with that HTTP status, and with the gRPC code
// that stands for it, and takes nothing.
func Status(status int, opts ...StatusOption) Fault {
	reply := Reply{Status: status, ContentType: "text/plain; charset=utf-8", Body: http.StatusText(status)}
	for _, opt := range opts {
		opt(&reply)
	}
	return always(Verdict{Reply: reply})
}

// portalPage is what a provider shows instead of the internet.
const portalPage = "<!doctype html><html><head><title>Welcome aboard</title></head>" +
	"<body><form action=\"/login\"><input name=\"voucher\"></form></body></html>\n"

// CaptivePortal answers every request with 200 and a login page.
func CaptivePortal() Fault {
	return Status(http.StatusOK, WithBody("text/html; charset=utf-8", portalPage))
}

// RedirectTo answers every request with 302 to url, such as a PortalURL.
func RedirectTo(url string) Fault {
	return Status(http.StatusFound, func(r *Reply) { r.Location = url })
}

// EmptyOK answers every request with 200, without content type and body.
func EmptyOK() Fault { return Status(http.StatusOK, WithBody("", "")) }

// NoContent answers every request with 204.
func NoContent() Fault { return Status(http.StatusNoContent, WithBody("", "")) }

// isOTLP reports whether r is the correct OTLP answer of success.
func (r Reply) isOTLP() bool { return r.Status == 0 }

// status is the HTTP status that goes into the log.
func (r Reply) status() int {
	if r.isOTLP() {
		return http.StatusOK
	}
	return r.Status
}

// writeHeader sets the header fields of r. A nil value keeps net/http from
// guessing a content type.
func (r Reply) writeHeader(h http.Header, now time.Time) {
	h["Content-Type"] = nil
	if r.ContentType != "" {
		h.Set("Content-Type", r.ContentType)
	}
	if r.Location != "" {
		h.Set("Location", r.Location)
	}
	clock := now.Add(r.Skew).UTC().Truncate(time.Second)
	h.Set("Date", clock.Format(http.TimeFormat))
	if r.RetryAfter > 0 {
		h.Set("Retry-After", r.retryAfter(clock))
	}
}

// retryAfter is the Retry-After header as seen from the shore's clock.
func (r Reply) retryAfter(clock time.Time) string {
	delay := (r.RetryAfter + time.Second - 1).Truncate(time.Second)
	if r.RetryAfterDate {
		return clock.Add(delay).Format(http.TimeFormat)
	}
	return strconv.Itoa(int(delay.Seconds()))
}

// code is the gRPC code of r. Where it can, the mapping is the one by which a
// gRPC client reads the status of a proxy; what is no answer of OTLP is Unknown.
func (r Reply) code() codes.Code {
	if r.Code != codes.OK || r.isOTLP() {
		return r.Code
	}
	if code, ok := codeOf[r.Status]; ok {
		return code
	}
	switch {
	case r.Status >= 500:
		return codes.Unavailable
	case r.Status >= 400:
		return codes.InvalidArgument
	}
	return codes.Unknown
}

var codeOf = map[int]codes.Code{
	http.StatusBadRequest:                    codes.InvalidArgument,
	http.StatusUnauthorized:                  codes.Unauthenticated,
	http.StatusForbidden:                     codes.PermissionDenied,
	http.StatusNotFound:                      codes.Unimplemented,
	http.StatusMethodNotAllowed:              codes.Unimplemented,
	http.StatusProxyAuthRequired:             codes.Unauthenticated,
	http.StatusRequestTimeout:                codes.DeadlineExceeded,
	http.StatusConflict:                      codes.Aborted,
	http.StatusRequestEntityTooLarge:         codes.ResourceExhausted,
	http.StatusTooManyRequests:               codes.ResourceExhausted,
	http.StatusInternalServerError:           codes.Internal,
	http.StatusNotImplemented:                codes.Unimplemented,
	http.StatusNetworkAuthenticationRequired: codes.PermissionDenied,
}
