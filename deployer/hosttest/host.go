// Package hosttest is what a deployer's host, and a registrator's runtime, must
// do, as a test suite. Every kind of host runs it: where two differ, one of them
// is wrong.
package hosttest

import (
	"context"
	"io"
	"time"

	"teal/catalog"
)

// Host is one place where containers run, as the deployer and the registrator
// see it together.
type Host interface {
	Name() string
	Ping(ctx context.Context) error
	Info(ctx context.Context) (catalog.Machine, error)
	Pull(ctx context.Context, image string) (digest string, err error)
	Image(ctx context.Context, ref string) (catalog.Image, error)
	Images(ctx context.Context, repository string) ([]catalog.Image, error)
	RemoveImage(ctx context.Context, id string) error
	EnsureNetwork(ctx context.Context, name string, labels map[string]string) error
	RemoveNetwork(ctx context.Context, name string) error
	Create(ctx context.Context, spec catalog.ContainerSpec) (id string, err error)
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string, grace time.Duration) error
	Wait(ctx context.Context, id string) (exitCode int, err error)
	Rename(ctx context.Context, id, name string) error
	Remove(ctx context.Context, id string) error
	Describe(ctx context.Context, id string) (catalog.ContainerSpec, error)
	List(ctx context.Context, labels map[string]string) ([]catalog.Container, error)
	Logs(ctx context.Context, id string, lines int) (string, error)
	Follow(ctx context.Context, id string, lines int, out io.Writer) error

	Containers(ctx context.Context) ([]catalog.Container, error)
	Changes(ctx context.Context) (<-chan struct{}, error)
}
