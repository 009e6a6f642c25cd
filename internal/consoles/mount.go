// Package consoles has a component show itself wherever somebody shows such things.
package consoles

import (
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// Mount calls mount for each extension of the host that is a C, and gives what
// undoes all of it. Without one all works the same, and one that refuses is
// told in the log; what is the component that it does not show.
func Mount[C any](host component.Host, logger *zap.Logger, what string, mount func(C) (unmount func(), err error)) (unmount func()) {
	var all []func()
	for id, extension := range host.GetExtensions() {
		shows, ok := extension.(C)
		if !ok {
			continue
		}
		off, err := mount(shows)
		if err != nil {
			logger.Warn("the console does not show this "+what, zap.Stringer("extension", id), zap.Error(err))
			continue
		}
		all = append(all, off)
	}
	return func() {
		for _, off := range all {
			off()
		}
	}
}
