package mshipexporter

import (
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// loud begins the lines that exporterhelper writes for every failed attempt of
// every batch, with a stack trace. What they say the breaker's lines and the
// metrics say once.
const loud = "Exporting failed."

// quiet leaves those lines out.
func quiet(l *zap.Logger) *zap.Logger {
	return l.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return quietCore{c} }))
}

type quietCore struct{ zapcore.Core }

// With implements zapcore.Core.
func (c quietCore) With(fields []zapcore.Field) zapcore.Core { return quietCore{c.Core.With(fields)} }

// Check implements zapcore.Core.
func (c quietCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if strings.HasPrefix(e.Message, loud) {
		return ce
	}
	return c.Core.Check(e, ce)
}
