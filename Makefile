# Teal. `make demo` to see it, `make test` to prove it.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'

.PHONY: build demo setup test unit race lint integration fuzz bench bench-router bench-registrator images clean

build: ## one static binary, bin/teal
	$(BUILD) -o bin/teal ./cmd/teal

demo: build ## a blue/green deployment under load, then the page to look at
	bin/teal demo

setup: ## a real Consul and a Docker engine, for the integration tests
	scripts/setup

test: setup lint race integration ## everything

unit: ## the quick tier: loopback only
	$(GO) test ./...

race:
	$(GO) test -race ./...

lint: ## go vet, staticcheck and gofumpt; the import arrows are a test of integration/arrows
	$(GO) vet ./... && $(GO) vet -tags integration ./integration/...
	$(GO) tool -modfile=tools/lint/go.mod staticcheck -tags integration ./...
	@out=$$($(GO) tool -modfile=tools/lint/go.mod gofumpt -l $$(git ls-files '*.go')); \
	  test -z "$$out" || { echo "gofumpt would change: $$out"; exit 1; }

integration: build ## on a real Consul and a real Docker engine; TESTFLAGS=-v for their figures
	$(GO) test -tags integration -count=1 -timeout 60m -p 1 $(TESTFLAGS) ./integration/...

fuzz: ## each parser for ten seconds
	scripts/fuzz 10s

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-router: ## docs/ROUTER.md's figures: lookups, one change, memory
	$(GO) test -run '^$$' -bench 'Lookup100k|ChangeOfOne|FirstTable|Claim|Pick' -benchmem ./router

bench-registrator: build ## docs/REGISTRATOR.md's figures: a thousand containers, and a real engine; needs root
	$(GO) test -run '^$$' -bench Reconcile -benchtime 200x -benchmem ./bench/registrator
	$(GO) test -run '^$$' -bench Process -benchtime 3x ./bench/registrator
	$(GO) test -tags integration -run '^$$' -bench StartToVisible -benchtime 40x ./integration

images: build ## the images docker-compose.yml names, from this checkout
	scripts/images

clean:
	rm -f bin/teal
