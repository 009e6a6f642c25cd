# `make help` lists the targets: what stands after ## is their one line.

BIN       := bin/otelcol-mship
BIN_ABS   := $(abspath $(BIN))
MAX_BYTES := 62914560# 60 MiB: edge boxes are small
FUZZTIME  ?= 30s#       for each fuzz target
STORETIME ?= 60s#       for those of the store's bytes
SOAK      ?= 20#        rounds of `make soak`

# What `make bench` runs; Open needs 6 GiB of disk. Both stores run in every round, for benchstat -col /store.
# The disk is that of GOTMPDIR, or else TMPDIR: a RAM disk has no flushes to slow down. MSHIP_BENCH_DEVICE=1 where
# nothing else writes to it: then what the device wrote is counted, the file system's journal too. Judge the rates
# on a quiet box.
BENCH       ?= .
BENCH_COUNT ?= 1# rounds

# One set of flags: build, vet, linters and fuzz share the build cache.
# No VCS stamp: the version is in builder-config.yaml, and a checkout owned by someone else must build.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -buildvcs=false -trimpath

# Tools are pinned in modules of their own, so that they never move the collector's versions.
TOOLS := $(abspath internal/tools/go.mod)
LINT  := $(abspath internal/tools/lint/go.mod)

# The race detector needs cgo. Always with -count: the test cache does not see a new binary.
TEST := CGO_ENABLED=1 MSHIP_BINARY=$(BIN_ABS) go test -race

STOREBENCH := ./extension/mshipstorage/internal/storebench
BENCHES    := ./testbed/compare ./internal/seen

OURS := $(wildcard exporter extension internal testbed)

.DEFAULT_GOAL := help
.PHONY: help build run demo airtime browser test soak bench fuzz lint generate tidy size clean

help: ## List every target
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/otelcol-mship (static, stripped)
	go build -ldflags='-s -w' -o $(BIN) ./cmd/otelcol-mship

run: build ## Start the agent on this machine's own telemetry; look in ./data/shore, Ctrl-C ends it
	@exec $(BIN) --config config/quickstart.yaml

demo: build ## Break the link in every way for about 90 s and count what was lost (loopback only)
	go run ./testbed/cmd/drill -binary $(BIN)

airtime: build ## Bytes on the wire for each 1,000 records, beside the stock exporter, in two minutes (docs/airtime.md)
	go run ./testbed/cmd/airtime -binary $(BIN)

browser: ## What the console's browser tests need besides Chromium and Node.js
	npm ci --prefix testbed/browser --no-audit --no-fund

test: build ## Everything: unit tests, race detector, end-to-end tests on the built binary
	$(TEST) -count=1 -timeout 20m ./...

soak: build ## The tests 20 times over (SOAK=n), then their long forms: no flakes allowed
	$(TEST) -count=$(SOAK) -timeout 12h ./...
	MSHIP_LONG=1 $(TEST) -count=1 -timeout 12h ./...

bench: build ## What is promised, beside the stock components in the same run (BENCH=Drain, BENCH_COUNT=n); needs strace
	@failed=0; for round in $$(seq $(BENCH_COUNT)); do \
		go test -run '^$$' -bench '$(BENCH)' -benchtime 3s -timeout 1h $(STOREBENCH) || failed=1; \
		MSHIP_BINARY=$(BIN_ABS) go test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 1h -p 1 $(BENCHES) || failed=1; \
	done; exit $$failed

# Go's fuzzer sometimes takes the end of its own time for a failure ("context deadline exceeded"): such a target runs
# once more. A finding fails again, by the input that it has left.
fuzz: ## Every fuzz target, one after the other (FUZZTIME=30s each, STORETIME=60s those of the store's bytes)
	@set -e; log=$$(mktemp); trap 'rm -f '$$log EXIT; \
	for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
		names=$$(go test -list '^Fuzz' $$dir); \
		for name in $$(echo "$$names" | grep '^Fuzz'); do \
			case $$dir in *mshipstorage/internal/record) time=$(STORETIME);; *) time=$(FUZZTIME);; esac; \
			echo "fuzz $$dir $$name $$time"; \
			run() { go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $$time -fuzzminimizetime 1x $$dir; }; \
			run >$$log 2>&1 && failed=0 || failed=1; cat $$log; \
			if [ $$failed = 1 ]; then grep -qx ' *context deadline exceeded' $$log && run || exit 1; fi; \
		done; \
	done

lint: ## gofmt, go vet, golangci-lint
	@test -z "$$(gofmt -l $(OURS))" || { echo 'gofmt is not happy with:'; gofmt -l $(OURS); exit 1; }
	go vet ./...
	go tool -modfile=$(LINT) golangci-lint run

generate: ## Write cmd/otelcol-mship and the components' metadata anew
	go tool -modfile=$(TOOLS) builder --config builder-config.yaml --skip-compilation --skip-get-modules
	@set -e; for file in $(wildcard exporter/*/metadata.yaml extension/*/metadata.yaml); do \
		echo "mdatagen $$file"; (cd $$(dirname $$file) && go tool -modfile=$(TOOLS) mdatagen metadata.yaml); \
	done

tidy: ## go mod tidy, here and in the tools' modules
	go mod tidy
	cd internal/tools && go mod tidy
	cd internal/tools/lint && go mod tidy

size: build ## Print the binary's size; more than 60 MiB is an error
	@bytes=$$(wc -c < $(BIN)); \
	awk -v b=$$bytes 'BEGIN { printf "$(BIN): %d bytes, %.1f MiB of 60\n", b, b / 1048576 }'; \
	test $$bytes -le $(MAX_BYTES)

clean: ## Remove what was built; ./data (queue, dead letters) stays
	rm -rf bin
