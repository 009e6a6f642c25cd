package element

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payloadtest"
	"github.com/otelcol-mship/otelcol-mship/internal/frame"
)

// logs is a payload of real logs.
type logs struct {
	deliverytest.Payload
	ld plog.Logs
}

func newLogs(ld plog.Logs) *logs {
	return &logs{deliverytest.Payload{Kind: delivery.Logs, Numbers: make([]int, ld.LogRecordCount())}, ld}
}

func (l *logs) Bytes() int { return new(plog.ProtoMarshaler).LogsSize(l.ld) }

func (l *logs) MarshalProto() ([]byte, error) {
	return plogotlp.NewExportRequestFromLogs(l.ld).MarshalProto()
}

func unmarshal(_ delivery.Signal, raw []byte) (delivery.Payload, error) {
	r := plogotlp.NewExportRequest()
	err := r.UnmarshalProto(raw)
	return newLogs(r.Logs()), err
}

func encoding(t testing.TB, signal delivery.Signal) *Encoding {
	t.Helper()
	e, err := NewEncoding(signal, unmarshal)
	require.NoError(t, err)
	return e
}

func batch(seed uint64) delivery.Batch {
	p := newLogs(payloadtest.New(seed).Logs())
	return delivery.Batch{
		ID: delivery.ID{1, 2, 3, byte(seed)}, Replays: 3, Payload: p,
		History: &delivery.History{FirstSeen: time.Unix(1700000000, 123456789), Attempts: 7, Rounds: 2, FirstRefused: 99, Halved: true},
	}
}

func stored(t *testing.T, e *Encoding, b delivery.Batch) []byte {
	t.Helper()
	raw, err := e.Marshal(t.Context(), &Element{Batch: b})
	require.NoError(t, err)
	return raw
}

func read(t *testing.T, e *Encoding, raw []byte) delivery.Batch {
	t.Helper()
	_, req, err := e.Unmarshal(raw)
	require.NoError(t, err)
	return req.(*Element).Batch
}

func TestWhatIsStoredComesBack(t *testing.T) {
	e := encoding(t, delivery.Logs)
	for seed := range uint64(100) {
		b := batch(seed)
		raw := stored(t, e, b)
		assert.Equal(t, Size(raw), (&Element{Batch: b}).BytesSize())
		assert.Equal(t, b.Payload.Records(), Records(raw))
		back := read(t, e, raw)
		require.Nil(t, back.Damage)
		assert.Equal(t, b.ID, back.ID)
		assert.Equal(t, b.Replays, back.Replays)
		assert.True(t, b.History.FirstSeen.Equal(back.History.FirstSeen))
		back.History.FirstSeen = b.History.FirstSeen
		assert.Equal(t, b.History, back.History)
		assert.Equal(t, raw, stored(t, e, back))
	}
}

// Ticks of a witness mean nothing to another run.
func TestAnotherRunForgetsTheWitness(t *testing.T) {
	raw := stored(t, encoding(t, delivery.Logs), batch(1))
	h := read(t, encoding(t, delivery.Logs), raw).History
	assert.Zero(t, h.FirstRefused)
	assert.False(t, h.Halved)
	assert.Equal(t, 2, h.Rounds)
}

// The bytes are a document: FORMAT.md.
func TestFormat(t *testing.T) {
	e := encoding(t, delivery.Logs)
	e.session = 0x1122334455667788
	raw := stored(t, e, batch(1))
	assert.Equal(t, "MSB2L\x01", string(raw[:6]))
	assert.Equal(t, []byte{2, 3}, raw[6:8])
	assert.Equal(t, "01020301", hex.EncodeToString(raw[8:12]))
	assert.EqualValues(t, 1700000000123456789, binary.LittleEndian.Uint64(raw[24:]))
	assert.EqualValues(t, 7, binary.LittleEndian.Uint32(raw[32:]))
	assert.EqualValues(t, 0x1122334455667788, binary.LittleEndian.Uint64(raw[40:]))
	assert.EqualValues(t, 99, binary.LittleEndian.Uint64(raw[48:]))
	proto, err := batch(1).Payload.MarshalProto()
	require.NoError(t, err)
	assert.EqualValues(t, len(proto), binary.LittleEndian.Uint32(raw[56:]))
	assert.Equal(t, crc32.Update(crc32.Checksum(raw[:60], castagnoli), castagnoli, raw[64:]), binary.LittleEndian.Uint32(raw[60:]))
	zstd, err := frame.New()
	require.NoError(t, err)
	otlp, err := zstd.Open(raw[64:], len(proto))
	require.NoError(t, err)
	assert.Equal(t, proto, otlp)
}

// No damage is handed out as data, and none is an error: the queue drops what does not decode.
func TestDamageIsCarried(t *testing.T) {
	e := encoding(t, delivery.Logs)
	whole := stored(t, e, batch(3))
	requireDamage := func(raw []byte, what string, args ...any) {
		b := read(t, e, raw)
		require.NotNil(t, b.Damage, append([]any{what}, args...)...)
		assert.Equal(t, raw, b.Damage.Raw)
		assert.Equal(t, delivery.Logs, b.Damage.Signal)
		require.Error(t, b.Damage.Err)
		assert.Equal(t, raw, stored(t, e, b), "stored again as it is")
		assert.Equal(t, len(raw), (&Element{Batch: b}).BytesSize())
		assert.Zero(t, (&Element{Batch: b}).ItemsCount())
	}
	for n := 1; n < len(whole); n++ {
		requireDamage(whole[:n], "cut at %d", n)
	}
	for i := range whole {
		flipped := slices.Clone(whole)
		flipped[i] ^= 0x10
		requireDamage(flipped, "flipped at %d", i)
	}
	requireDamage(stored(t, encoding(t, delivery.Traces), batch(3)), "of another signal")
	_, _, err := e.Unmarshal(nil)
	assert.ErrorIs(t, err, errMissing)
}

func TestABatchTravelsInTheContext(t *testing.T) {
	b := batch(1)
	req, err := FromContext(WithBatch(context.Background(), b))
	require.NoError(t, err)
	assert.Equal(t, b, req.(*Element).Batch)
	assert.Same(t, req, req.(*Element).OnError(nil))
	_, err = FromContext(context.Background())
	assert.ErrorContains(t, err, "past its door")
	_, err = req.MergeSplit(context.Background(), 1, exporterhelper.RequestSizerTypeItems, nil)
	assert.Error(t, err)
}

func FuzzDecode(f *testing.F) {
	e := encoding(f, delivery.Logs)
	raw, err := e.Marshal(context.Background(), &Element{Batch: batch(1)})
	require.NoError(f, err)
	f.Add(raw)
	f.Add(raw[:headerSize])
	f.Add([]byte("MSB3"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, req, err := e.Unmarshal(raw)
		if len(raw) == 0 {
			assert.Error(t, err)
			return
		}
		require.NoError(t, err)
		b := req.(*Element).Batch
		if b.Damage != nil {
			assert.Equal(t, raw, b.Damage.Raw)
			return
		}
		otlp, err := e.open(bodyOf(raw))
		require.NoError(t, err)
		again, err := b.Payload.MarshalProto()
		require.NoError(t, err)
		assert.Equal(t, otlp, again)
	})
}

func TestTheIdIsReadFromTheHead(t *testing.T) {
	e := encoding(t, delivery.Logs)
	raw := stored(t, e, batch(3))
	id, ok := ID(raw[:HeadSize])
	assert.True(t, ok)
	assert.Equal(t, batch(3).ID, id)
	known, ok := Ledgered(raw[:HeadSize])
	assert.True(t, ok)
	assert.Equal(t, id.Again(3), known)
	assert.NotEqual(t, id, known)
	seen, ok := FirstSeen(raw[:HeadSize])
	assert.True(t, ok)
	assert.True(t, batch(3).History.FirstSeen.Equal(seen))
	for name, head := range map[string][]byte{"nothing": nil, "too short": raw[:HeadSize-1], "of another program": append([]byte("XXXX"), raw[4:]...)} {
		_, ok = ID(head)
		assert.False(t, ok, name)
	}
}

func TestBodyGivesTheBodyOrTheDamage(t *testing.T) {
	e := encoding(t, delivery.Logs)
	b := batch(3)
	raw := stored(t, e, b)
	body, records, damage := e.Body(raw)
	require.Nil(t, damage)
	p, err := e.Decode(body)
	require.NoError(t, err)
	assert.Equal(t, b.Payload, p)
	assert.Equal(t, b.Payload.Records(), records)
	for i := range raw {
		bad := slices.Clone(raw)
		bad[i] ^= 1
		_, _, damage = e.Body(bad)
		require.NotNil(t, damage, "byte %d", i)
		assert.Equal(t, bad, damage.Raw)
	}
	_, _, damage = e.Body(nil)
	require.NotNil(t, damage)
}

// What stands behind another is one message with it, small or large, whatever was compressed with what.
func TestBodiesAreJoined(t *testing.T) {
	e := encoding(t, delivery.Logs)
	for name, copies := range map[string]int{"small": 10, "large": frame.LongFrom} {
		var bodies []Body
		var want []byte
		for seed := range uint64(5) {
			otlp := bytes.Repeat([]byte{byte(seed), 7}, copies)
			bodies, want = append(bodies, e.Press(otlp)), append(want, otlp...)
		}
		joined := e.Join(bodies)
		got, err := e.open(joined)
		require.NoError(t, err)
		assert.Equal(t, want, got, name)
		assert.Equal(t, bodies[2], e.Join(bodies[2:3]), "one is itself")
		apart := 0
		for _, b := range bodies {
			apart += len(b.Frames)
		}
		assert.Equal(t, name == "large", len(joined.Frames) == apart, "only what is small is compressed anew")
	}
}

// A body that does not open is found by whoever reads the parcel; the parcel is made all the same.
func TestABadBodyIsJoinedAsItIs(t *testing.T) {
	e := encoding(t, delivery.Logs)
	good, bad := e.Press(otlpOf(t, batch(1))), Body{Frames: []byte("this is no frame"), OTLP: 10}
	joined := e.Join([]Body{good, bad})
	assert.Equal(t, Body{Frames: slices.Concat(good.Frames, bad.Frames), OTLP: good.OTLP + 10}, joined)
	_, err := e.Decode(joined)
	assert.Error(t, err)
}

func otlpOf(t *testing.T, b delivery.Batch) []byte {
	t.Helper()
	otlp, err := b.Payload.MarshalProto()
	require.NoError(t, err)
	return otlp
}
