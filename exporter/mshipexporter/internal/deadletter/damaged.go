package deadletter

import (
	"context"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Damaged is the layer that puts stored bytes that cannot be read aside; the
// rest of the chain sees only batches that can be sent.
func (s *Store) Damaged(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
		if b.Damage == nil {
			return next.Send(ctx, b)
		}
		if err := s.ParkDamaged(b.Damage); err != nil {
			return 0, err
		}
		return delivery.DeadLettered, nil
	})
}
