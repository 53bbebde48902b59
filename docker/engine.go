package docker

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/docker/docker/client"

	"teal/catalog"
)

// Engine is one Docker engine. Calls last as long as their context allows: the
// caller sets the deadlines.
type Engine struct {
	endpoint   string
	api        *client.Client
	text       *http.Client
	inspectors int          // containers that are looked at at a time
	listed     atomic.Int64 // bytes in the last list of all containers
	memory     memory
}

// New is the engine at an endpoint: unix:///path, tcp://host:port (with TLS when
// DOCKER_CERT_PATH or DOCKER_TLS_VERIFY is set), ssh://user@host, which runs
// ssh(1) here and the Docker CLI there, or "" for what DOCKER_HOST says. It opens
// no connection; use Ping to learn whether the engine is there.
func New(endpoint string) (*Engine, error) {
	endpoint, err := resolveEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	opts, err := clientOptions(endpoint)
	if err != nil {
		return nil, err
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("Docker endpoint %s: %w", endpoint, err)
	}
	e := &Engine{endpoint: endpoint, api: api, text: textClient(api), inspectors: inspectors}
	if strings.HasPrefix(endpoint, catalog.SchemeSSH+"://") {
		e.inspectors = sshInspectors
	}
	return e, nil
}

// Name is the endpoint, for people.
func (e *Engine) Name() string { return e.endpoint }

// Ping tells whether the engine answers.
func (e *Engine) Ping(ctx context.Context) error {
	_, err := e.api.Ping(ctx)
	return e.wrap(err, "ping the engine")
}

// Close drops the idle connections to the engine.
func (e *Engine) Close() error {
	e.text.CloseIdleConnections()
	return e.api.Close()
}
