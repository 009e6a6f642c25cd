package element

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/internal/frame"
)

// The layout of a stored element, little endian; FORMAT.md is its document.
const (
	magic = "MSB2"

	atSignal       = 4
	atFlags        = 5
	atRounds       = 6
	atReplays      = 7
	atID           = 8
	atFirstSeen    = 24
	atAttempts     = 32
	atRecords      = 36
	atSession      = 40
	atFirstRefused = 48
	atLength       = 56
	atChecksum     = 60
	headerSize     = 64

	flagHalved = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var letters = map[delivery.Signal]byte{delivery.Traces: 'T', delivery.Metrics: 'M', delivery.Logs: 'L'}

// Encoding writes elements to the store and reads them back. One Encoding
// serves one signal of one run of the exporter; it is safe for concurrent use.
type Encoding struct {
	signal delivery.Signal
	decode Decode
	// session tells this run's witness ticks from those of earlier runs, which mean nothing now.
	session uint64
	coder   *frame.Coder
	shelf   shelf
}

// Decode makes a payload of OTLP protobuf.
type Decode func(signal delivery.Signal, otlp []byte) (delivery.Payload, error)

// NewEncoding makes the encoding for one signal.
func NewEncoding(signal delivery.Signal, decode Decode) (*Encoding, error) {
	coder, err := frame.New()
	if err != nil {
		return nil, err
	}
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand, Go 1.24)
	return &Encoding{signal: signal, decode: decode, session: binary.LittleEndian.Uint64(seed[:]), coder: coder}, nil
}

// Marshal encodes the element of the request.
func (e *Encoding) Marshal(_ context.Context, req xexporterhelper.Request) ([]byte, error) {
	el, ok := req.(*Element)
	if !ok {
		return nil, fmt.Errorf("cannot store a %T: only batches of this exporter", req)
	}
	b := el.Batch
	if b.Damage != nil {
		return b.Damage.Raw, nil
	}
	made, err := e.Pressed(b.Payload)
	if err != nil {
		return nil, fmt.Errorf("cannot encode batch %s: %w", b.ID, err)
	}
	body := made.(*pressed).body
	out := make([]byte, headerSize, headerSize+len(body.Frames))
	e.header(out, b)
	binary.LittleEndian.PutUint32(out[atLength:], uint32(body.OTLP))
	out = append(out, body.Frames...)
	binary.LittleEndian.PutUint32(out[atChecksum:], checksum(out))
	return out, nil
}

func (e *Encoding) header(out []byte, b delivery.Batch) {
	h := b.History
	copy(out, magic)
	out[atSignal] = letters[e.signal]
	if h.Halved {
		out[atFlags] |= flagHalved
	}
	out[atRounds], out[atReplays] = byte(min(h.Rounds, math.MaxUint8)), b.Replays
	copy(out[atID:], b.ID[:])
	binary.LittleEndian.PutUint64(out[atFirstSeen:], uint64(h.FirstSeen.UnixNano()))
	binary.LittleEndian.PutUint32(out[atAttempts:], uint32(min(h.Attempts, math.MaxInt32)))
	binary.LittleEndian.PutUint32(out[atRecords:], uint32(min(b.Payload.Records(), math.MaxInt32)))
	binary.LittleEndian.PutUint64(out[atSession:], e.session)
	binary.LittleEndian.PutUint64(out[atFirstRefused:], h.FirstRefused)
}

func checksum(stored []byte) uint32 {
	sum := crc32.Update(0, castagnoli, stored[:atChecksum])
	return crc32.Update(sum, castagnoli, stored[headerSize:])
}

var errMissing = errors.New("nothing is stored there")

// Unmarshal decodes a stored element. It fails only where there is nothing:
// the queue drops what does not decode, so bytes that cannot be read become an
// element that carries them, for the chain to put aside.
func (e *Encoding) Unmarshal(stored []byte) (context.Context, xexporterhelper.Request, error) {
	if len(stored) == 0 {
		return context.Background(), nil, errMissing
	}
	b, err := e.read(stored)
	if err != nil {
		b = delivery.Batch{
			Damage:  &delivery.Damage{Signal: e.signal, Raw: stored, Err: err},
			History: &delivery.History{},
		}
	}
	return context.Background(), &Element{Batch: b}, nil
}

// Body gives the body of a stored element as it is, or what is damaged about it.
func (e *Encoding) Body(stored []byte) (body Body, records int, damage *delivery.Damage) {
	if err := e.check(stored); err != nil {
		return Body{}, 0, &delivery.Damage{Signal: e.signal, Raw: stored, Err: err}
	}
	return bodyOf(stored), Records(stored), nil
}

func bodyOf(stored []byte) Body {
	return Body{Frames: stored[headerSize:], OTLP: int(binary.LittleEndian.Uint32(stored[atLength:]))}
}

func (e *Encoding) read(stored []byte) (delivery.Batch, error) {
	if err := e.check(stored); err != nil {
		return delivery.Batch{}, err
	}
	id := delivery.ID(stored[atID:atFirstSeen])
	p, err := e.payload(id, bodyOf(stored))
	if err != nil {
		return delivery.Batch{}, err
	}
	h := &delivery.History{
		FirstSeen: time.Unix(0, int64(binary.LittleEndian.Uint64(stored[atFirstSeen:]))),
		Attempts:  int(binary.LittleEndian.Uint32(stored[atAttempts:])),
		Rounds:    int(stored[atRounds]),
	}
	if binary.LittleEndian.Uint64(stored[atSession:]) == e.session {
		h.FirstRefused = binary.LittleEndian.Uint64(stored[atFirstRefused:])
		h.Halved = stored[atFlags]&flagHalved != 0
	}
	return delivery.Batch{ID: id, Replays: stored[atReplays], Payload: p, History: h}, nil
}

// payload is what is in memory yet, or else what the body holds.
func (e *Encoding) payload(id delivery.ID, body Body) (delivery.Payload, error) {
	if p, ok := e.shelf.take(id); ok {
		return p, nil
	}
	return e.Decode(body)
}

func (e *Encoding) check(stored []byte) error {
	switch {
	case len(stored) < headerSize:
		return fmt.Errorf("%d bytes stored, at least %d expected", len(stored), headerSize)
	case string(stored[:atSignal]) != magic:
		return fmt.Errorf("stored batch begins with %q, %q expected: written by another program or a newer release", stored[:atSignal], magic)
	case checksum(stored) != binary.LittleEndian.Uint32(stored[atChecksum:]):
		return fmt.Errorf("checksum of %d stored bytes is wrong", len(stored))
	case stored[atSignal] != letters[e.signal]:
		return fmt.Errorf("stored batch is of signal %q, %q expected", stored[atSignal], letters[e.signal])
	default:
		return nil
	}
}

// HeadSize is how many bytes of a stored element [ID], [Ledgered] and [FirstSeen] have to see.
const HeadSize = atAttempts

// ID reads the id of a stored element; false if its bytes are not of this program.
func ID(stored []byte) (id delivery.ID, ok bool) {
	if len(stored) < HeadSize || string(stored[:atSignal]) != magic {
		return id, false
	}
	return delivery.ID(stored[atID:atFirstSeen]), true
}

// Size reads how large a stored element was before it was compressed, in bytes;
// if it cannot, how large it is.
func Size(stored []byte) int {
	if len(stored) < headerSize || string(stored[:atSignal]) != magic {
		return len(stored)
	}
	return headerSize + bodyOf(stored).OTLP
}

// Ledgered reads the id under which the ledger knows a stored element.
func Ledgered(stored []byte) (id delivery.ID, ok bool) {
	if id, ok = ID(stored); ok {
		id = id.Again(stored[atReplays])
	}
	return id, ok
}

// FirstSeen reads when the door took a stored element.
func FirstSeen(stored []byte) (at time.Time, ok bool) {
	if _, ok = ID(stored); ok {
		at = time.Unix(0, int64(binary.LittleEndian.Uint64(stored[atFirstSeen:])))
	}
	return at, ok
}

// Records reads the number of records from stored bytes without decoding them; 0 if it cannot.
func Records(stored []byte) int {
	if len(stored) < headerSize || string(stored[:atSignal]) != magic {
		return 0
	}
	return int(binary.LittleEndian.Uint32(stored[atRecords:]))
}
