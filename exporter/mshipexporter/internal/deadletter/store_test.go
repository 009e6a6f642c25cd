package deadletter

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

func store(dir string, perHour int) (*Store, *[]string) {
	var parked []string
	return New(Settings{Directory: dir, Sink: "shore", MaxPerHour: perHour, OnParked: func(_ Entry, path string) {
		parked = append(parked, path)
	}}), &parked
}

// payload is a payload of real logs.
type payload struct {
	deliverytest.Payload
	ld plog.Logs
}

func (p *payload) MarshalJSON() ([]byte, error) { return new(plog.JSONMarshaler).MarshalLogs(p.ld) }

func logs(bodies ...string) delivery.Batch {
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	for _, b := range bodies {
		sl.LogRecords().AppendEmpty().Body().SetStr(b)
	}
	return delivery.Batch{
		ID:      delivery.ID{0xab},
		Payload: &payload{deliverytest.Payload{Kind: delivery.Logs, Numbers: make([]int, len(bodies))}, ld},
		History: &delivery.History{FirstSeen: time.Unix(1700000000, 5), Attempts: 3},
	}
}

func TestAnEntryIsReadable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dlq")
	s, parked := store(dir, 10)
	refusal := &delivery.Failure{Fault: delivery.ThisBatch, Status: 400, Message: "bad \"field\"\n\x00<script>"}
	require.NoError(t, s.Park(logs("one", "two"), "rejected", refusal))
	data := filepath.Join(dir, "shore", "logs", "1700000000000000005-ab000000-0000-0000-0000-000000000000.jsonl")
	assert.Equal(t, []string{data}, *parked)

	lines, err := os.ReadFile(data)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(lines), "\n"))
	ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs(lines)
	require.NoError(t, err)
	assert.Equal(t, logs("one", "two").Payload.(*payload).ld, ld)

	about, err := os.ReadFile(strings.TrimSuffix(data, ".jsonl") + ".json")
	require.NoError(t, err)
	var e Entry
	require.NoError(t, json.Unmarshal(about, &e))
	assert.WithinDuration(t, time.Now(), e.Parked, time.Minute)
	e.Parked = time.Time{}
	assert.Equal(t, Entry{
		Name: "1700000000000000005-ab000000-0000-0000-0000-000000000000", ID: "ab000000-0000-0000-0000-000000000000", Sink: "shore", Signal: delivery.Logs, Reason: "rejected", Status: 400,
		Message: refusal.Message, First: time.Unix(1700000000, 5).UTC(), Attempts: 3, Records: 2, Bytes: logs("one", "two").Payload.Bytes(),
	}, e)
}

func TestOnlyWeReadThem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dlq")
	s, _ := store(dir, 10)
	require.NoError(t, s.Park(logs("x"), "rejected", &delivery.Failure{}))
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		want := os.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		assert.Equal(t, want, info.Mode().Perm(), path)
		return nil
	}))
}

// What is left of a halved batch is one entry with a line for each part; parked twice, as after a crash, it is one entry yet.
func TestPartsAreLinesOfOneEntry(t *testing.T) {
	dir := t.TempDir()
	s, _ := store(dir, 10)
	b := logs("whole")
	b.History.Parts = []delivery.Batch{logs("a"), logs("b", "c")}
	for range 2 {
		require.NoError(t, s.Park(b, "rejected", &delivery.Failure{}))
	}
	files, err := os.ReadDir(filepath.Join(dir, "shore", "logs"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	lines, err := os.ReadFile(filepath.Join(dir, "shore", "logs", files[1].Name()))
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(lines), "\n"))
	assert.NotContains(t, string(lines), "whole")
}

// Where nothing can be written the batch stays ours, and nothing half written stays behind.
func TestParkingThatFails(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	s, parked := store(blocked, 10)
	f := delivery.AsFailure(s.Park(logs("x"), "rejected", &delivery.Failure{}))
	assert.Equal(t, delivery.Path, f.Fault)
	assert.ErrorContains(t, f, "mend dead_letter::directory")
	assert.ErrorContains(t, f, blocked)
	assert.Empty(t, *parked)

	taken := filepath.Join(dir, "shore", "logs", "1700000000000000005-ab000000-0000-0000-0000-000000000000.jsonl")
	require.NoError(t, os.MkdirAll(filepath.Join(taken, "in the way"), 0o700))
	s, _ = store(dir, 10)
	require.Error(t, s.Park(logs("x"), "rejected", &delivery.Failure{}))
	left, err := filepath.Glob(filepath.Join(dir, "shore", "logs", ".writing-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// A disk that is full for long does not use up what an hour allows.
func TestWhatCannotBeParkedDoesNotCount(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dlq")
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	failures := 0
	s := New(Settings{
		Directory: dir, Sink: "shore", MaxPerHour: 2,
		OnParked: func(Entry, string) {}, OnFailed: func(error) { failures++ },
	})
	for range 5 {
		require.Equal(t, delivery.Path, delivery.AsFailure(s.Park(logs("x"), "rejected", &delivery.Failure{})).Fault)
	}
	assert.Equal(t, 5, failures)
	require.NoError(t, os.Remove(dir))
	require.NoError(t, s.Park(logs("x"), "rejected", &delivery.Failure{}))
	require.NoError(t, s.Park(logs("y"), "rejected", &delivery.Failure{}))
	require.Error(t, s.Park(logs("z"), "rejected", &delivery.Failure{}))
	assert.Equal(t, 6, failures, "that is told as well")
}

func TestMoreThanAnHourAllowsHoldsTheSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, parked := store(t.TempDir(), 2)
		for range 2 {
			require.NoError(t, s.Park(logs("x"), "rejected", &delivery.Failure{}))
		}
		time.Sleep(59 * time.Minute)
		err := s.Park(logs("y"), "rejected", &delivery.Failure{})
		assert.Equal(t, delivery.ThisBatch, delivery.AsFailure(err).Fault)
		assert.ErrorContains(t, err, "raise dead_letter::max_per_hour")
		assert.Len(t, *parked, 2)
		time.Sleep(time.Minute)
		require.NoError(t, s.Park(logs("y"), "rejected", &delivery.Failure{}))
	})
}

func TestDamagedBytesArePutAside(t *testing.T) {
	dir := t.TempDir()
	s, parked := store(dir, 1)
	next := deliverytest.NewSender(deliverytest.Always(nil))
	damaged := delivery.Batch{Damage: &delivery.Damage{Signal: delivery.Traces, Raw: []byte{1, 2, 3}, Err: errors.New("checksum")}}
	outcome, err := s.Damaged(next).Send(t.Context(), damaged)
	require.NoError(t, err)
	assert.Equal(t, delivery.DeadLettered, outcome)
	require.Len(t, *parked, 1)
	raw, err := os.ReadFile((*parked)[0])
	require.NoError(t, err)
	assert.Equal(t, []byte{1, 2, 3}, raw)
	assert.Equal(t, filepath.Join(dir, "shore", "damaged"), filepath.Dir((*parked)[0]))

	outcome, err = s.Damaged(next).Send(t.Context(), deliverytest.Batch(0, 1))
	require.NoError(t, err)
	assert.Equal(t, delivery.Delivered, outcome)

	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	_, err = s.Damaged(next).Send(t.Context(), damaged)
	assert.Equal(t, delivery.Path, delivery.AsFailure(err).Fault, "kept until it can be put aside")
}
