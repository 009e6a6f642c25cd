package mshiplink

import (
	"context"
	"net"

	"google.golang.org/grpc"

	"github.com/otelcol-mship/otelcol-mship/internal/grpcdial"
)

// GetGRPCClientOptions implements extensionmiddleware.GRPCClient. Each client is a member of its own.
func (l *Link) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	if l.pacer == nil {
		return nil, errNotStarted
	}
	m := l.join(others, 1, true)
	return grpcdial.Dialer{Dial: m.over((&net.Dialer{}).DialContext)}.Options(), nil
}
