package shore

import (
	"io"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/encoding"
)

// grpc-go knows compressors only by process-wide registration, at init.
func init() { encoding.RegisterCompressor(zstdCompressor{}) }

// zstdCompressor makes gRPC speak zstd.
type zstdCompressor struct{}

// Name is the name in the grpc-encoding header.
func (zstdCompressor) Name() string { return "zstd" }

// Compress returns a writer of the compressed message.
func (zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
}

// Decompress returns a reader of the plain message. gRPC does not close it; one
// that decodes in the caller has nothing to close.
func (zstdCompressor) Decompress(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody))
}
