package mshipdedup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipdedup/internal/gate"
	"github.com/otelcol-mship/otelcol-mship/internal/seen"
	"github.com/otelcol-mship/otelcol-mship/internal/storages"
)

// setName is part of the format: the keys stand under it.
const setName = "keys"

// dedupExtension remembers the keys of what the receivers behind it have taken.
//
//	request ──▶ key? ──▶ gate ──▶ receiver and pipeline ──▶ key stored ──▶ answer
//	             │ none    │ taken: success
//	             ▼         ▼
//	          receiver   answer
type dedupExtension struct {
	cfg *Config
	set extension.Settings

	// From Start on:
	client storage.Client // nil: in memory only
	seen   *seen.Set
	tel    *telemetry
	door   *door
}

var (
	_ extension.Extension             = (*dedupExtension)(nil)
	_ extensioncapabilities.Dependent = (*dedupExtension)(nil)
	_ extensionmiddleware.HTTPServer  = (*dedupExtension)(nil)
	_ extensionmiddleware.GRPCServer  = (*dedupExtension)(nil)
)

var errNotStarted = errors.New("mship_dedup is not started: list it under service::extensions")

// Dependencies has the storage started before and stopped after this extension.
func (e *dedupExtension) Dependencies() []component.ID {
	if e.cfg.Storage == nil {
		return nil
	}
	return []component.ID{*e.cfg.Storage}
}

// Start implements component.Component. Keys that cannot be read do not keep it from starting.
func (e *dedupExtension) Start(ctx context.Context, host component.Host) (err error) {
	if e.client, err = e.openStorage(ctx, host); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Shutdown(ctx))
		}
	}()
	e.seen, err = seen.Open(ctx, e.client, seen.Settings{Name: setName, Window: e.cfg.Window, MaxKeys: e.cfg.MaxKeys, Logger: e.set.Logger})
	if err != nil {
		return fmt.Errorf("cannot read the keys: %w", err)
	}
	if e.tel, err = newTelemetry(e.set.TelemetrySettings, e.set.ID, e.seen); err != nil {
		return fmt.Errorf("cannot make the metrics: %w", err)
	}
	e.door = &door{
		header:   e.cfg.Header,
		metadata: strings.ToLower(e.cfg.Header),
		gate:     gate.New(e.seen, e.cfg.MaxWait, e.tel.waited),
		tel:      e.tel,
		logger:   e.set.Logger,
	}
	return nil
}

func (e *dedupExtension) openStorage(ctx context.Context, host component.Host) (storage.Client, error) {
	if e.cfg.Storage == nil {
		e.set.Logger.Warn("no storage is set: keys are forgotten at a restart, and what is sent again after it is taken again; set storage: mship_storage")
		return nil, nil
	}
	return storages.Client(ctx, host, *e.cfg.Storage, e.set.ID)
}

// Shutdown implements component.Component. The receivers have stopped before.
func (e *dedupExtension) Shutdown(ctx context.Context) error {
	var errs []error
	if e.tel != nil {
		e.tel.Shutdown()
	}
	if e.seen != nil {
		errs = append(errs, e.seen.Close(ctx))
	}
	if e.client != nil {
		errs = append(errs, e.client.Close(ctx))
	}
	e.tel, e.seen, e.client = nil, nil, nil
	return errors.Join(errs...)
}

// GetHTTPHandler implements extensionmiddleware.HTTPServer.
func (e *dedupExtension) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	if e.door == nil {
		return nil, errNotStarted
	}
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return &httpDoor{door: e.door, next: next}, nil
	}, nil
}

// GetGRPCServerOptions implements extensionmiddleware.GRPCServer.
func (e *dedupExtension) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	if e.door == nil {
		return nil, errNotStarted
	}
	return append(windows(e.cfg.GRPCWindowBytes), grpc.ChainUnaryInterceptor(e.door.intercept)), nil
}

// door finds the keys of requests.
type door struct {
	header string
	// metadata is what the header is called in gRPC.
	metadata string
	gate     *gate.Gate
	tel      *telemetry
	logger   *zap.Logger
	// strange is set once an unusable key has been logged.
	strange sync.Once
}
