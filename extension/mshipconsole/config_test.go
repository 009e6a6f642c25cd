package mshipconsole

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
)

var warden = component.MustNewID("warden")

func withAuth(c *Config) {
	c.Server.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: warden}})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	at := func(endpoint string) func(*Config) {
		return func(c *Config) { c.Server.NetAddr.Endpoint = endpoint }
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"defaults":         {func(*Config) {}, ""},
		"localhost":        {at("localhost:1"), ""},
		"another loopback": {at("127.8.0.1:1"), ""},
		"IPv6 loopback":    {at("[::1]:1"), ""},
		"socket":           {func(c *Config) { c.Server.NetAddr.Transport, c.Server.NetAddr.Endpoint = "unix", "/run/console.sock" }, ""},
		"everywhere":       {at("0.0.0.0:13140"), "allow_remote_without_auth: true"},
		"no host":          {at(":13140"), "set auth and tls"},
		"IPv6 everywhere":  {at("[::]:13140"), "can be reached from other machines"},
		"a name":           {at("engine.ship:13140"), `endpoint "engine.ship:13140" can be reached`},
		"nothing":          {at(""), "endpoint must not be empty"},
		"trusted network": {func(c *Config) {
			c.Server.NetAddr.Endpoint, c.AllowRemoteWithoutAuth = "0.0.0.0:13140", true
		}, ""},
		"with auth": {func(c *Config) {
			c.Server.NetAddr.Endpoint = "0.0.0.0:13140"
			withAuth(c)
		}, ""},
		"too often":       {func(c *Config) { c.SampleInterval = time.Millisecond }, "sample_interval must be 1s to 1m0s, found 1ms"},
		"too seldom":      {func(c *Config) { c.SampleInterval = time.Hour }, "sample_interval must be 1s to 1m0s"},
		"few connections": {func(c *Config) { c.MaxConnections = 1 }, "max_connections must be 8 to 10000, found 1"},
		"no timeout":      {func(c *Config) { c.Server.ReadTimeout = 0 }, "must be more than 0"},
	} {
		cfg := createDefaultConfig()
		c.change(cfg)
		if err := cfg.Validate(); c.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.want, name)
		}
	}
}

func TestSettingsAreRead(t *testing.T) {
	t.Parallel()
	cfg := NewFactory().CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"endpoint": "0.0.0.0:1", "write_timeout": "1m", "sample_interval": "2s", "max_connections": 9,
		"allowed_hosts": []any{"engine.ship"}, "allow_remote_without_auth": true, "auth": map[string]any{"authenticator": "warden"},
	}).Unmarshal(cfg))
	c := cfg.(*Config)
	assert.Equal(t, "0.0.0.0:1", c.Server.NetAddr.Endpoint)
	assert.Equal(t, time.Minute, c.Server.WriteTimeout)
	assert.Equal(t, 5*time.Second, c.Server.ReadHeaderTimeout, "defaults stay")
	assert.Equal(t, 2*time.Second, c.SampleInterval)
	assert.Equal(t, 9, c.MaxConnections)
	assert.Equal(t, []string{"engine.ship"}, c.AllowedHosts)
	assert.True(t, c.AllowRemoteWithoutAuth)
	assert.Equal(t, warden, c.Server.Auth.Get().Config.AuthenticatorID)
	assert.ErrorContains(t, confmap.NewFromStringMap(map[string]any{"nonsense": 1}).Unmarshal(NewFactory().CreateDefaultConfig()), "nonsense")
}

func TestAnEndpointThatIsTaken(t *testing.T) {
	t.Parallel()
	first := up(t)
	second := newDesk(t, func(c *Config) { c.Server.NetAddr.Endpoint = first.address })
	require.ErrorContains(t, second.Start(t.Context(), hosts{}), "set another endpoint if something else does")
	require.NoError(t, second.Shutdown(t.Context()))
}

func TestRemoteWithoutAuthIsSaidLoudly(t *testing.T) {
	t.Parallel()
	d := up(t, func(c *Config) { c.Server.NetAddr.Endpoint, c.AllowRemoteWithoutAuth = "0.0.0.0:0", true })
	assert.Len(t, d.logs.FilterMessageSnippet("everybody on the network can use the console").All(), 1)
	assert.Empty(t, up(t).logs.FilterLevelExact(1).All())
}

// guardian is an authenticator that knows one token.
type guardian struct {
	component.StartFunc
	component.ShutdownFunc
}

func (guardian) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	if http.Header(sources).Get("Authorization") != "Bearer right" {
		return ctx, errors.New("who are you")
	}
	return ctx, nil
}

func TestWithAuthEverythingButThePageNeedsACredential(t *testing.T) {
	t.Parallel()
	d := newDesk(t, withAuth).up(hosts{warden: guardian{}})
	shore := &fake{answer: "{}"}
	d.shows("shore", shore)
	for _, path := range []string{"/api/v1/sinks", "/api/v1/sinks/shore", "/api/v1/sinks/shore/dead-letters", "/api/v1/nothing"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			answer, body := d.ask(method, path, "{}", header{"Authorization": "Bearer wrong"})
			refused(t, http.StatusUnauthorized, answer, body, path)
			assert.Equal(t, "Bearer", answer.Header.Get("WWW-Authenticate"))
			assert.NotContains(t, body, "who are you")
		}
	}
	assert.Empty(t, shore.asked)
	answer, _ := d.ask(http.MethodPost, "/api/v1/sinks/shore/dead-letters/replay", "{}", header{"Authorization": "Bearer right"})
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	code, _ := d.get("/")
	assert.Equal(t, http.StatusOK, code, "the page asks for the credential")
	assert.ErrorContains(t, newDesk(t, withAuth).Start(t.Context(), hosts{}), "warden")
}
