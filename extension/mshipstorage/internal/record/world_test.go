package record_test

import (
	"fmt"
	"strconv"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// world is what operations come to: client, key and value.
type world map[string]map[string]string

func (w world) apply(client string, op record.Op) {
	if w[client] == nil {
		w[client] = map[string]string{}
	}
	keys := w[client]
	switch op.Kind {
	case record.SetSmall:
		keys[op.Key] = "small " + string(op.Small)
	case record.Set:
		keys[op.Key] = fmt.Sprintf("%+v", op.Value)
	case record.Delete:
		delete(keys, op.Key)
	case record.Shift:
		for n := op.From + op.Count; n > op.From; n-- {
			from, to := strconv.FormatUint(n-1, 10), strconv.FormatUint(n-1+op.By, 10)
			if v, ok := keys[from]; ok {
				delete(keys, from)
				keys[to] = v
			}
		}
	}
}
