// Package guard refuses what a browser may be tricked into: requests under another
// name (DNS rebinding), and writes from other sites.
package guard

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Hosts are the names that a client may call the console by. A site of somebody else
// can have its own name resolve to this machine, but its visitors' browsers say that name.
type Hosts struct {
	names    []string
	literals bool
}

// NewHosts lists the names. anyAddress is for who listens to the network: no name resolves to an address
// that is given as such, so those are safe.
func NewHosts(anyAddress bool, names ...string) Hosts {
	h := Hosts{names: []string{"localhost", "127.0.0.1", "::1"}, literals: anyAddress}
	for _, name := range names {
		if name != "" {
			h.names = append(h.names, strings.ToLower(name))
		}
	}
	return h
}

// Allow looks at a Host header.
func (h Hosts) Allow(host string) bool {
	name := strings.ToLower(withoutPort(host))
	if slices.Contains(h.names, name) {
		return true
	}
	_, err := netip.ParseAddr(name)
	return h.literals && err == nil
}

func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// Names refuses requests under other names.
func Names(hosts Hosts, refuse Refuse, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hosts.Allow(r.Host) {
			refuse(w, http.StatusForbidden, "this console does not go by the name in the request's Host; call it by its address, or add the name to allowed_hosts")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Refuse writes an answer that says why.
type Refuse func(w http.ResponseWriter, status int, why string)
