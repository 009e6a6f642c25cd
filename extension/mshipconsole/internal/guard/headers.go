package guard

import "net/http"

// page: everything from here and nothing inline; strings become HTML nowhere (trusted types).
const page = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'"

// data is shown by the page and is never one itself, whatever it holds.
const data = "default-src 'none'; frame-ancestors 'none'; sandbox"

// PageHeaders are for what the console is made of. It may be kept, and is asked for anew each time.
func PageHeaders(next http.Handler) http.Handler {
	return headers(page, "no-cache", next)
}

// DataHeaders are for what the sinks say. It is kept nowhere.
func DataHeaders(next http.Handler) http.Handler {
	return headers(data, "no-store", next)
}

func headers(policy, cache string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", cache)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
