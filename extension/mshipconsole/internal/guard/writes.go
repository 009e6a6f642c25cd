package guard

import (
	"mime"
	"net/http"
)

// Writes refuses writes that come from another site's page, and what a form of such a page can send.
// A client that is no browser says neither Sec-Fetch-Site nor Origin, and passes.
func Writes(refuse Refuse, next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
		case r.Method != http.MethodPost:
			w.Header().Set("Allow", "GET, HEAD, POST")
			refuse(w, http.StatusMethodNotAllowed, "only GET, HEAD and POST are understood here")
			return
		case protection.Check(r) != nil:
			refuse(w, http.StatusForbidden, "this write comes from another site's page; send it from the console's own page or from a script")
			return
		case !isJSON(r.Header.Get("Content-Type")):
			refuse(w, http.StatusUnsupportedMediaType, "send the body as JSON, with Content-Type: application/json")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}
