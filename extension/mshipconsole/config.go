package mshipconsole

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mship/otelcol-mship/internal/valid"
)

const (
	leastInterval   = time.Second
	mostInterval    = time.Minute
	mostConnections = 10_000
)

// Config of the extension. The README explains every setting.
type Config struct {
	// Server has the collector's own settings: endpoint, TLS, auth, timeouts. It is not embedded: its Unmarshal
	// would be the whole Config's, and forget the rest.
	Server confighttp.ServerConfig `mapstructure:",squash"`

	Settings `mapstructure:",squash"`
}

// Settings that are the console's own.
type Settings struct {
	// SampleInterval is how often the sinks are asked for the history and the forecast.
	SampleInterval time.Duration `mapstructure:"sample_interval"`
	// MaxConnections are open at most; then the one that has said nothing for longest has to go.
	MaxConnections int `mapstructure:"max_connections"`
	// AllowedHosts are names, besides the endpoint's own, that a browser may call the console by.
	AllowedHosts []string `mapstructure:"allowed_hosts"`
	// AllowRemoteWithoutAuth lets everybody on the network see and do everything.
	AllowRemoteWithoutAuth bool `mapstructure:"allow_remote_without_auth"`
}

var (
	_ confmap.Validator   = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

// Unmarshal implements confmap.Unmarshaler. Beside the server's own Unmarshal the collector takes any key; a
// misspelt one must be found.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	type server confighttp.ServerConfig // has no Unmarshal
	known := struct {
		Server server `mapstructure:",squash"`

		Settings `mapstructure:",squash"`
	}{}
	if err := conf.Unmarshal(&known); err != nil {
		return err
	}
	return conf.Unmarshal(c)
}

func createDefaultConfig() *Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = "127.0.0.1:13140"
	server.ReadHeaderTimeout = 5 * time.Second
	server.ReadTimeout = 15 * time.Second
	server.WriteTimeout = 30 * time.Second
	server.MaxRequestBodySize = 256 << 10
	server.CompressionAlgorithms = []string{""} // nothing to unpack: no bomb
	return &Config{
		Server: server,
		Settings: Settings{
			SampleInterval: 5 * time.Second,
			MaxConnections: 64,
		},
	}
}

// Validate finds settings that make no sense, and those that let strangers in.
func (c *Config) Validate() error {
	return errors.Join(
		valid.If(c.Server.NetAddr.Endpoint != "", "endpoint must not be empty; such as 127.0.0.1:13140"),
		valid.If(c.SampleInterval >= leastInterval && c.SampleInterval <= mostInterval,
			"sample_interval must be %s to %s, found %s", leastInterval, mostInterval, c.SampleInterval),
		valid.If(c.MaxConnections >= 8 && c.MaxConnections <= mostConnections,
			"max_connections must be 8 to %d, found %d", mostConnections, c.MaxConnections),
		valid.If(c.Server.ReadHeaderTimeout > 0 && c.Server.ReadTimeout > 0 && c.Server.WriteTimeout > 0,
			"read_header_timeout, read_timeout and write_timeout must be more than 0: without them slow clients stay for ever"),
		valid.If(c.isLocal() || c.Server.Auth.HasValue() || c.AllowRemoteWithoutAuth,
			"endpoint %q can be reached from other machines, and without auth anybody there can read and purge dead letters; "+
				"set auth and tls, or allow_remote_without_auth: true if the network is to be trusted", c.Server.NetAddr.Endpoint),
	)
}

// isLocal: only this machine reaches it. A name may resolve to anything, so only localhost counts.
func (c *Config) isLocal() bool {
	if c.Server.NetAddr.Transport == confignet.TransportTypeUnix {
		return true
	}
	host := c.host()
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// host is the endpoint's, without the port.
func (c *Config) host() string {
	if c.Server.NetAddr.Transport == confignet.TransportTypeUnix {
		return "localhost"
	}
	host, _, err := net.SplitHostPort(c.Server.NetAddr.Endpoint)
	if err != nil {
		return c.Server.NetAddr.Endpoint
	}
	return host
}
