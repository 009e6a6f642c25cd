package mshiplink

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as a plain number or as a text with a unit.
type Size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	entry := strings.TrimSpace(string(text))
	for _, u := range units {
		digits, ok := strings.CutSuffix(entry, u.name)
		if !ok {
			continue
		}
		digits = strings.TrimSpace(digits)
		n, err := strconv.ParseFloat(digits, 64)
		if err != nil || strings.Trim(digits, "0123456789.") != "" || n*u.bytes >= math.MaxInt64 {
			break
		}
		*s = Size(math.Round(n * u.bytes))
		if whole, err := strconv.ParseInt(digits, 10, 64); err == nil {
			*s = Size(whole * int64(u.bytes)) // exact where a float is not
		}
		return nil
	}
	return fmt.Errorf("%q is no size; write bytes, or a number with kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 10GiB", entry)
}
