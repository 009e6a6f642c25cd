package probe

import (
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// statuses gives each gRPC code the HTTP status that means the same, so that
// one rule decides whose fault it is. Unavailable without an answer is
// connection trouble, but gRPC does not say which it was; 503 fits both.
var statuses = map[codes.Code]int{
	codes.Canceled:           http.StatusServiceUnavailable,
	codes.Unknown:            http.StatusInternalServerError,
	codes.InvalidArgument:    http.StatusBadRequest,
	codes.DeadlineExceeded:   http.StatusGatewayTimeout,
	codes.NotFound:           http.StatusNotFound,
	codes.AlreadyExists:      http.StatusConflict,
	codes.PermissionDenied:   http.StatusForbidden,
	codes.ResourceExhausted:  http.StatusTooManyRequests,
	codes.FailedPrecondition: http.StatusUnprocessableEntity,
	codes.Aborted:            http.StatusServiceUnavailable,
	codes.OutOfRange:         http.StatusServiceUnavailable,
	codes.Unimplemented:      http.StatusNotFound,
	codes.Internal:           http.StatusInternalServerError,
	codes.Unavailable:        http.StatusServiceUnavailable,
	codes.DataLoss:           http.StatusServiceUnavailable,
	codes.Unauthenticated:    http.StatusUnauthorized,
}

// tooLarge is how grpc-go says that a message is over the receiver's limit; it has no code of its own.
const tooLarge = "message larger than max"

func grpcReply(err error) delivery.Reply {
	st := status.Convert(err)
	code, ok := statuses[st.Code()]
	if !ok {
		code = http.StatusInternalServerError
	}
	reply := delivery.Reply{
		Status:  code,
		Message: fmt.Sprintf("the far end answered gRPC %s (%s)", st.Code(), oneLine(st.Message())),
	}
	if st.Code() == codes.ResourceExhausted && strings.Contains(st.Message(), tooLarge) {
		reply.Status = http.StatusRequestEntityTooLarge
	}
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			reply.RetryAfter = min(max(info.GetRetryDelay().AsDuration(), 0), maxPause)
		}
	}
	return reply
}
