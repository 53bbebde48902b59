package hosts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer/timing"
)

// What a host may take for one thing. One that hangs is then like one that is
// gone.
const (
	glanceLimit = 10 * time.Second // to tell something
	actLimit    = time.Minute      // to do something
	pullLimit   = 15 * time.Minute // to get an image

	pingLimit = 5 * time.Second // to answer a ping, where that needs no login

	// LoginTimeout is that of an engine that is reached by SSH: as long as the Docker
	// command line gives ssh.
	LoginTimeout = 30 * time.Second

	pingPause   = 5 * time.Second // between two pings while it works
	pingsMissed = 3               // in a row, of a host that works no more
)

// boundedHost ends what a host does not come to an end with. Waiting for a
// container, and following it, last as long as the container does.
type boundedHost struct{ Host }

// wholly is timing.Within for what changes something. Once begun it is waited for, even
// when nobody wants it any more or the time for all of it is over: an engine
// finishes what it was told to, and who puts things back must not come before
// that. Who has lost the lock puts nothing back, and lets go at once.
func wholly[T any](ctx context.Context, limit time.Duration, do func(context.Context) (T, error)) (T, error) {
	if err := ctx.Err(); err != nil {
		var none T
		return none, err
	}
	act, letGo := context.WithCancelCause(context.WithoutCancel(ctx))
	defer letGo(nil)
	defer context.AfterFunc(ctx, func() {
		if cause := context.Cause(ctx); errors.Is(cause, catalog.ErrLockLost) {
			letGo(cause)
		}
	})()
	return timing.Within(act, limit, do)
}

func acting(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	_, err := wholly(ctx, limit, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}

// TakesLogin tells whether an endpoint is reached by SSH, where each connection
// begins with a login.
func TakesLogin(endpoint string) bool { return strings.HasPrefix(endpoint, "ssh://") }

// Ping gives an engine that is reached by SSH the time that a login may take.
func (b boundedHost) Ping(ctx context.Context) error {
	limit := pingLimit
	if TakesLogin(b.Name()) {
		limit = LoginTimeout
	}
	_, err := timing.Within(ctx, limit, func(ctx context.Context) (struct{}, error) { return struct{}{}, b.Host.Ping(ctx) })
	return err
}

func (b boundedHost) Info(ctx context.Context) (catalog.Machine, error) {
	return timing.Within(ctx, glanceLimit, b.Host.Info)
}

// List gives a host that answers at all more time than a glance: an engine looks at
// its containers one by one, and at none while that is being started.
func (b boundedHost) List(ctx context.Context, labels map[string]string) ([]catalog.Container, error) {
	if err := b.Ping(ctx); err != nil {
		return nil, err
	}
	return attended(ctx, b, actLimit, func(ctx context.Context) ([]catalog.Container, error) { return b.Host.List(ctx, labels) })
}

func (b boundedHost) Image(ctx context.Context, ref string) (catalog.Image, error) {
	return timing.Within(ctx, glanceLimit, func(ctx context.Context) (catalog.Image, error) { return b.Host.Image(ctx, ref) })
}

func (b boundedHost) Images(ctx context.Context, repository string) ([]catalog.Image, error) {
	return timing.Within(ctx, glanceLimit, func(ctx context.Context) ([]catalog.Image, error) { return b.Host.Images(ctx, repository) })
}

func (b boundedHost) RemoveImage(ctx context.Context, id string) error {
	return acting(ctx, actLimit, func(ctx context.Context) error { return b.Host.RemoveImage(ctx, id) })
}

func (b boundedHost) Describe(ctx context.Context, id string) (catalog.ContainerSpec, error) {
	return attended(ctx, b, actLimit, func(ctx context.Context) (catalog.ContainerSpec, error) { return b.Host.Describe(ctx, id) })
}

func (b boundedHost) Logs(ctx context.Context, id string, lines int) (string, error) {
	return timing.Within(ctx, glanceLimit, func(ctx context.Context) (string, error) { return b.Host.Logs(ctx, id, lines) })
}

func (b boundedHost) Pull(ctx context.Context, image string) (string, error) {
	return attended(ctx, b, pullLimit, func(ctx context.Context) (string, error) { return b.Host.Pull(ctx, image) })
}

// attended is timing.Within for what changes nothing that matters, and may take
// long: it ends much sooner where the host does not even answer a ping meanwhile.
func attended[T any](ctx context.Context, b boundedHost, limit time.Duration, do func(context.Context) (T, error)) (T, error) {
	return timing.Within(ctx, limit, func(ctx context.Context) (T, error) {
		attended, done := b.attend(ctx)
		defer done()
		answer, err := do(attended)
		if err != nil && ctx.Err() == nil && attended.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(attended), err)
		}
		return answer, err
	})
}

// attend is a context that ends when the host has failed several pings in a row.
// done ends the pinging; it must be called.
func (b boundedHost) attend(ctx context.Context) (attended context.Context, done func()) {
	attended, end := context.WithCancelCause(ctx)
	var pinging sync.WaitGroup
	pinging.Go(func() {
		var err error
		for missed := 0; missed < pingsMissed; {
			if timing.Sleep(attended, pingPause) != nil {
				return
			}
			missed++
			if err = b.Ping(attended); err == nil {
				missed = 0
			}
		}
		end(fmt.Errorf("%d pings in a row have failed (%w)", pingsMissed, err))
	})
	return attended, func() {
		end(nil)
		pinging.Wait()
	}
}

func (b boundedHost) Create(ctx context.Context, spec catalog.ContainerSpec) (string, error) {
	return wholly(ctx, actLimit, func(ctx context.Context) (string, error) { return b.Host.Create(ctx, spec) })
}

func (b boundedHost) EnsureNetwork(ctx context.Context, name string, labels map[string]string) error {
	return acting(ctx, actLimit, func(ctx context.Context) error { return b.Host.EnsureNetwork(ctx, name, labels) })
}

func (b boundedHost) RemoveNetwork(ctx context.Context, name string) error {
	return acting(ctx, actLimit, func(ctx context.Context) error { return b.Host.RemoveNetwork(ctx, name) })
}

func (b boundedHost) Start(ctx context.Context, id string) error {
	return acting(ctx, actLimit, func(ctx context.Context) error { return b.Host.Start(ctx, id) })
}

func (b boundedHost) Stop(ctx context.Context, id string, grace time.Duration) error {
	return acting(ctx, grace+actLimit, func(ctx context.Context) error { return b.Host.Stop(ctx, id, grace) })
}

func (b boundedHost) Rename(ctx context.Context, id, name string) error {
	return acting(ctx, actLimit, func(ctx context.Context) error { return b.Host.Rename(ctx, id, name) })
}

func (b boundedHost) Remove(ctx context.Context, id string) error {
	return acting(ctx, actLimit, func(ctx context.Context) error { return b.Host.Remove(ctx, id) })
}
