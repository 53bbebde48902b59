package hosts

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/timing"
)

// pullingHost takes a time to pull, and answers pings until it hangs.
type pullingHost struct {
	Host
	takes, hangs time.Duration // from the beginning
	began        time.Time
}

func (pullingHost) Name() string { return "tcp://a" }

func (h pullingHost) Ping(ctx context.Context) error {
	if time.Since(h.began) < h.hangs {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h pullingHost) Pull(ctx context.Context, image string) (string, error) {
	if err := timing.Sleep(ctx, h.takes); err != nil {
		return "", errors.New("the request was cut off")
	}
	return "id of " + image, nil
}

func TestAPullEndsWithItsHost(t *testing.T) {
	for name, c := range map[string]struct {
		takes, hangs, ends time.Duration
		says               string
	}{
		"a long one on a host that answers":   {takes: 14 * time.Minute, hangs: time.Hour, ends: 14 * time.Minute},
		"one that is over before the third":   {takes: 20 * time.Second, ends: 20 * time.Second},
		"on a host that hangs from the start": {takes: time.Hour, ends: 30 * time.Second, says: "3 pings in a row have failed (no answer within 5s: context deadline exceeded): the request was cut off"},
		"on a host that hangs in the midst":   {takes: time.Hour, hangs: 62 * time.Second, ends: 90 * time.Second, says: "3 pings in a row have failed"},
		"one that never ends":                 {takes: time.Hour, hangs: time.Hour, ends: pullLimit, says: "no answer within 15m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				id, err := boundedHost{pullingHost{takes: c.takes, hangs: c.hangs, began: began}}.Pull(t.Context(), "web")
				require.Equal(t, c.ends, time.Since(began))
				if c.says == "" {
					require.NoError(t, err)
					require.Equal(t, "id of web", id)
					return
				}
				require.ErrorContains(t, err, c.says)
			})
		})
	}
}

func (h pullingHost) List(ctx context.Context, _ map[string]string) ([]catalog.Container, error) {
	return nil, timing.Sleep(ctx, h.takes)
}

// A host that dies while it lists is not waited for as long as a slow one.
func TestAListEndsWithItsHost(t *testing.T) {
	for name, c := range map[string]struct {
		hangs, ends time.Duration
		says        string
	}{
		"on a host that answers":            {time.Hour, actLimit, "no answer within 1m0s"},
		"on a host that hangs in the midst": {7 * time.Second, 35 * time.Second, "3 pings in a row have failed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, err := boundedHost{pullingHost{takes: time.Hour, hangs: c.hangs, began: began}}.List(t.Context(), nil)
				require.ErrorContains(t, err, c.says)
				require.Equal(t, c.ends, time.Since(began))
			})
		})
	}
}

func TestAPullEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		_, err := boundedHost{pullingHost{takes: time.Hour, hangs: time.Hour, began: time.Now()}}.Pull(ctx, "web")
		require.EqualError(t, err, "the request was cut off", "the caller knows why")
	})
}

// stoppingHost takes a minute to stop a container, and is told when it is let go.
type stoppingHost struct{ Host }

func (stoppingHost) Stop(ctx context.Context, _ string, _ time.Duration) error {
	return timing.Sleep(ctx, time.Minute)
}

func TestAnActThatHasBegunIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		after time.Duration
		takes time.Duration
		is    error
	}{
		"a person interrupts":      {context.Canceled, time.Second, time.Minute, nil},
		"another host fails":       {errors.New("no room"), time.Second, time.Minute, nil},
		"the lock is lost":         {catalog.ErrLockLost, time.Second, time.Second, catalog.ErrLockLost},
		"it was over before":       {errors.New("no room"), 0, 0, context.Canceled},
		"all goes well until then": {context.Canceled, time.Hour, time.Minute, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if c.after == 0 {
					cancel(c.cause)
				}
				time.AfterFunc(c.after, func() { cancel(c.cause) })
				began := time.Now()
				err := boundedHost{stoppingHost{}}.Stop(ctx, "web", time.Minute)
				require.ErrorIs(t, err, c.is)
				require.Equal(t, c.takes, time.Since(began))
			})
		})
	}
}
