package mshipconsole

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/guard"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/route"
)

const maxHeaderBytes = 16 << 10

// newServer puts the console together. The page itself holds nothing secret and is given to whoever asks, so that
// it can ask a person for the credential that everything else needs.
func (c *console) newServer(ctx context.Context, host component.Host) (*http.Server, error) {
	page, err := newPage()
	if err != nil {
		return nil, err
	}
	api := &api{mounts: c.mounts, links: c.links, conns: c.conns, silence: c.cfg.Server.WriteTimeout, maxBody: c.cfg.Server.MaxRequestBodySize}
	server, err := c.serve(ctx, host, c.cfg.Server.Auth, guard.Writes(refuse, api))
	if err != nil {
		return nil, err
	}
	open, err := c.serve(ctx, host, configoptional.None[confighttp.AuthConfig](), page)
	if err != nil {
		return nil, err
	}
	parts := split(server.Handler, guard.PageHeaders(c.kept(open.Handler)))
	server.Handler = guard.DataHeaders(guard.Names(c.hosts(), refuse, parts))
	server.MaxHeaderBytes = maxHeaderBytes
	// Whoever fails at a handshake would fill the log; what fails in here has log lines of its own.
	if server.ErrorLog, err = zap.NewStdLogAt(c.set.Logger, zap.DebugLevel); err != nil {
		return nil, err
	}
	c.conns.Apply(server)
	return server, nil
}

func (c *console) hosts() guard.Hosts {
	return guard.NewHosts(!c.cfg.isLocal(), append(slices.Clone(c.cfg.AllowedHosts), c.cfg.host())...)
}

// kept has the connection stay until the answer is written.
func (c *console) kept(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer c.conns.Answering(r.Context())()
		next.ServeHTTP(w, r)
	})
}

// serve puts the collector's own server settings around h.
func (c *console) serve(ctx context.Context, host component.Host, auth configoptional.Optional[confighttp.AuthConfig], h http.Handler) (*http.Server, error) {
	cfg := c.cfg.Server
	cfg.Auth = auth
	server, err := cfg.ToServer(ctx, host.GetExtensions(), c.set.TelemetrySettings, h, confighttp.WithErrorHandler(refuseRequest))
	if err != nil {
		return nil, fmt.Errorf("cannot set up the console's server: %w", err)
	}
	return server, nil
}

// split by the path as it was sent: what is unescaped later cannot change sides.
func split(data, page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), route.Prefix) {
			data.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	})
}

// refuseRequest is what the collector's own part of the server refuses.
func refuseRequest(w http.ResponseWriter, _ *http.Request, why string, status int) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer") // Basic would have the browser ask in a dialog of its own
		why = "a credential is needed, or the one that was sent is not accepted"
	}
	refuse(w, status, why)
}
