package mshiplink

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	plan := func(more map[string]any) map[string]any {
		allowance := map[string]any{"bytes": "10GiB"}
		for key, value := range more {
			allowance[key] = value
		}
		return map[string]any{"bytes_per_second": 524288, "storage": "disk", "allowance": allowance}
	}
	window := func(days, from, to, zone string) map[string]any {
		return map[string]any{"bytes_per_second": 524288, "windows": []any{map[string]any{"days": []any{days}, "from": from, "to": to, "timezone": zone}}}
	}
	for name, c := range map[string]struct {
		raw  map[string]any
		want string
	}{
		"the least":         {map[string]any{"bytes_per_second": 524288}, ""},
		"a text":            {map[string]any{"bytes_per_second": "512KiB", "burst": "64 KiB"}, ""},
		"nothing":           {map[string]any{}, "bytes_per_second must be 128 or more, found 0; set what the link may carry"},
		"burst":             {map[string]any{"bytes_per_second": 524288, "burst": 1000}, "burst must be 10485 or more at this bytes_per_second, or 0 for an eighth of a second; found 1000"},
		"plan":              {plan(nil), ""},
		"all of a plan":     {plan(map[string]any{"per": "day", "reset": "06:00", "timezone": "Europe/Oslo", "on_exhausted": "slow", "slow_bytes_per_second": 8192}), ""},
		"reset as a number": {plan(map[string]any{"reset": 15}), ""},
		"no bytes":          {plan(map[string]any{"bytes": 0}), "allowance::bytes must be more than 0, such as 10GiB; found 0"},
		"per":               {plan(map[string]any{"per": "week"}), `allowance: per must be day or month, found "week"`},
		"reset":             {plan(map[string]any{"reset": "32"}), `allowance: reset must be a day of the month`},
		"zone":              {plan(map[string]any{"timezone": "Local"}), "allowance: timezone must be a name such as UTC"},
		"on_exhausted":      {plan(map[string]any{"on_exhausted": "stop"}), `allowance::on_exhausted must be hold or slow, found "stop"`},
		"slow how":          {plan(map[string]any{"on_exhausted": "slow"}), "allowance::slow_bytes_per_second must be 128 or more where on_exhausted is slow, found 0"},
		"hold and slow":     {plan(map[string]any{"slow_bytes_per_second": 8192}), "says nothing where on_exhausted is hold"},
		"no storage":        {map[string]any{"bytes_per_second": 524288, "allowance": map[string]any{"bytes": 1}}, "storage must be set where there is an allowance"},
		"windows":           {window("mon-sun", "22:00", "06:00", "UTC"), ""},
		"days":              {window("monday", "22:00", "06:00", "UTC"), `windows[0]: "monday" is no day`},
		"from":              {window("mon", "22", "06:00", "UTC"), `windows[0]: "22" is no time of day`},
		"to":                {window("mon", "22:00", "6 pm", "UTC"), `windows[0]: "6 pm" is no time of day`},
		"window's zone":     {window("mon", "22:00", "06:00", "Mars"), `windows[0]: timezone must be a name`},
	} {
		cfg := settings(t, c.raw)
		if err := cfg.Validate(); c.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.want, name)
		}
	}
	assert.EqualValues(t, 65536, settings(t, map[string]any{"bytes_per_second": 524288}).burst())
	assert.Equal(t, "15", settings(t, plan(map[string]any{"reset": 15})).Allowance.Reset)
	assert.ErrorContains(t, confmap.NewFromStringMap(map[string]any{"bytes_per_second": "fast"}).Unmarshal(createDefaultConfig()), `"fast" is no size`)
	assert.Error(t, confmap.NewFromStringMap(plan(map[string]any{"byte": 1})).Unmarshal(createDefaultConfig()), "an unknown key")
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "524288": 524288, "10GiB": 10 << 30, "1.5 MiB": 3 << 19, "64kB": 64000, "64 KB": 64000, "2TB": 2e12, "7B": 7,
		"9007199254740993": 9007199254740993,
	} {
		var s Size
		require.NoError(t, s.UnmarshalText([]byte(text)), text)
		assert.EqualValues(t, want, s, text)
	}
	for _, text := range []string{"", "GiB", "-1", "1e9", "10 gib", "0x10", "1.2.3", "NaN", "Inf", "99999999TiB", "1_000", "10GiB/day"} {
		var s Size
		assert.ErrorContains(t, s.UnmarshalText([]byte(text)), "is no size; write bytes", text)
	}
}

func FuzzSize(f *testing.F) {
	for _, text := range []string{"10GiB", "1.5MB", "0", "B", "-1", "9223372036854775807", "9223372036854775808", ".", "1.", "8388608TiB"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s, again Size
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		require.GreaterOrEqual(t, s, Size(0), text)
		require.NoError(t, again.UnmarshalText([]byte(strconv.FormatInt(int64(s), 10))))
		assert.Equal(t, s, again)
	})
}

type nothing struct {
	component.StartFunc
	component.ShutdownFunc
}

func TestAStorageThatIsNone(t *testing.T) {
	t.Parallel()
	id := component.MustNewID("disk")
	for want, host := range map[string]hosts{
		`storage: there is no extension "disk"; define it under extensions and list it under service::extensions`: {},
		`storage: extension "disk" cannot store anything; use one such as mship_storage`:                          {id: nothing{}},
	} {
		cfg := settings(t, map[string]any{"bytes_per_second": 1000, "storage": "disk", "allowance": map[string]any{"bytes": 1}})
		e, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(NewFactory().Type()), cfg)
		require.NoError(t, err)
		assert.Equal(t, []component.ID{id}, e.(*Link).Dependencies())
		require.EqualError(t, e.Start(t.Context(), host), want)
		require.NoError(t, e.Shutdown(t.Context()))
	}
}

func TestNotStarted(t *testing.T) {
	t.Parallel()
	l := &Link{cfg: createDefaultConfig()}
	_, err := l.GetHTTPRoundTripper(t.Context())
	require.ErrorIs(t, err, errNotStarted)
	_, err = l.GetGRPCClientOptions(t.Context())
	require.ErrorIs(t, err, errNotStarted)
	dial, leave := l.Dialer("shore", 1, true)
	_, err = dial(t.Context(), "tcp", "127.0.0.1:1")
	require.ErrorIs(t, err, errNotStarted)
	leave()
	assert.Empty(t, l.Dependencies())
}
