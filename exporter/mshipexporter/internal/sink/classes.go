package sink

import "github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"

// refusesEveryone are the 4xx that say nothing about the batch: the path, the
// far end or our credentials are at fault, and stay so for every batch.
var refusesEveryone = []int{401, 403, 404, 407, 408, 429}

// classes says whose fault a status is.
type classes map[int]delivery.Fault

func newClasses(retryable, permanent []int) classes {
	c := classes{}
	for _, status := range refusesEveryone {
		c[status] = delivery.Path
	}
	for _, status := range retryable {
		c[status] = delivery.Path
	}
	for _, status := range permanent {
		c[status] = delivery.ThisBatch
	}
	return c
}

// fault of a status: what is not listed is the batch's own fault if it is a 4xx.
func (c classes) fault(status int) delivery.Fault {
	if f, ok := c[status]; ok {
		return f
	}
	if status >= 400 && status < 500 {
		return delivery.ThisBatch
	}
	return delivery.Path
}
