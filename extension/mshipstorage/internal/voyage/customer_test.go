package voyage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// customer keeps what was not acknowledged, and sends it again as it is.
type customer struct {
	mu sync.Mutex
	// keeps and acked are requests, each by the names of its records.
	keeps, acked []string
	next         int
}

// demand makes new requests: two of one record, then one of four.
func (c *customer) demand(requests int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range requests {
		c.next++
		name := fmt.Sprint(c.next)
		if c.next%3 == 0 {
			name += " " + name + "b " + name + "c " + name + "d"
		}
		c.keeps = append(c.keeps, name)
	}
}

// send sends all that it keeps, three requests at a time.
func (c *customer) send(s *ship) {
	for group := range slices.Chunk(c.kept(), 3) {
		var all sync.WaitGroup
		for _, request := range group {
			all.Go(func() {
				s.blade.point("door")
				if err := s.logs.ConsumeLogs(keyed(request), events(request)); err == nil {
					s.blade.point("acknowledge")
					c.settle(request)
				}
			})
		}
		all.Wait()
		time.Sleep(700 * time.Millisecond)
	}
}

func (c *customer) kept() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.keeps)
}

func (c *customer) settle(request string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keeps = slices.DeleteFunc(c.keeps, func(n string) bool { return n == request })
	c.acked = append(c.acked, request)
}

// promised are the records that the ship has acknowledged.
func (c *customer) promised() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Fields(strings.Join(c.acked, " "))
}

func (c *customer) clone() *customer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &customer{keeps: slices.Clone(c.keeps), acked: slices.Clone(c.acked), next: c.next}
}

// keyed gives every request whose first digit is even a key of the customer's own.
func keyed(request string) context.Context {
	if request[0]%2 != 0 {
		return context.Background()
	}
	key := uuid.NewSHA1(uuid.NameSpaceURL, []byte(request)).String()
	return client.NewContext(context.Background(), client.Info{Metadata: client.NewMetadata(map[string][]string{"Idempotency-Key": {key}})})
}

// events is a request whose content says that it is the same when it comes again.
func events(request string) plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i, name := range strings.Fields(request) {
		record := records.AppendEmpty()
		record.Body().SetStr(name)
		record.SetTimestamp(pcommon.Timestamp(1700000000000000001 + i))
		record.Attributes().PutStr("log", strings.Repeat("all is well aboard; ", 10))
	}
	return ld
}
