package images_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/images"
	"teal/deployer/servicefile"
)

// bench is a host for self-tests. A container writes its words and ends with its
// code after a time; one that takes no time never ends by itself.
type bench struct {
	mu      sync.Mutex
	specs   map[string]catalog.ContainerSpec // by id
	old     []catalog.Container
	ended   map[string]chan struct{}
	did     []string
	words   string
	code    int
	takes   time.Duration
	broken  string // what fails
	created func() // is called when a container was created
}

func newBench(words string, code int) *bench {
	return &bench{specs: map[string]catalog.ContainerSpec{}, ended: map[string]chan struct{}{}, words: words, code: code, takes: time.Second}
}

func (b *bench) do(ctx context.Context, what string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.did = append(b.did, what)
	if b.broken == what {
		return errors.New(what + " has failed")
	}
	return ctx.Err()
}

func (b *bench) Name() string { return "bench" }

func (b *bench) Pull(ctx context.Context, image string) (string, error) {
	return "sha256:1", b.do(ctx, "pull "+image)
}

func (b *bench) Create(ctx context.Context, spec catalog.ContainerSpec) (string, error) {
	if b.created != nil {
		b.created()
	}
	if err := b.do(ctx, "create"); err != nil {
		return "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := fmt.Sprint("c", len(b.specs))
	b.specs[id], b.ended[id] = spec, make(chan struct{})
	return id, nil
}

func (b *bench) Start(ctx context.Context, id string) error {
	if err := b.do(ctx, "start"); err != nil {
		return err
	}
	if b.takes > 0 {
		time.AfterFunc(b.takes, func() { close(b.ended[id]) })
	}
	return nil
}

func (b *bench) Wait(ctx context.Context, id string) (int, error) {
	select {
	case <-b.ended[id]:
		return b.code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (b *bench) Follow(ctx context.Context, id string, lines int, out io.Writer) error {
	if lines < 0 {
		fmt.Fprint(out, b.words)
	}
	_, err := b.Wait(ctx, id)
	return err
}

func (b *bench) Stop(ctx context.Context, id string, _ time.Duration) error {
	return b.do(ctx, "stop "+id)
}

func (b *bench) Remove(ctx context.Context, id string) error {
	err := b.do(ctx, "remove "+id)
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.specs, id)
		b.old = slices.DeleteFunc(b.old, func(c catalog.Container) bool { return c.ID == id })
	}
	return err
}

func (b *bench) List(ctx context.Context, labels map[string]string) ([]catalog.Container, error) {
	var found []catalog.Container
	for _, c := range b.old {
		all := maps.Clone(c.Labels)
		maps.Copy(all, labels)
		if maps.Equal(all, c.Labels) {
			found = append(found, c)
		}
	}
	return found, b.do(ctx, "list")
}

func tested() *servicefile.Spec {
	spec := shop()
	spec.SelfTest = &servicefile.SelfTest{Command: []string{"/shop", "--self-test"}, Timeout: time.Minute}
	return spec
}

func TestSelfTestRunsTheImageByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, out := newBench("one\ntwo\n", 0), &bytes.Buffer{}
		var spec catalog.ContainerSpec
		b.created = func() {}
		require.NoError(t, images.SelfTest(t.Context(), watching{b, &spec}, tested(), out))
		require.Equal(t, "one\ntwo\n", out.String())
		require.Equal(t, []string{"list", "pull registry.example/shop:1", "create", "start", "stop c0", "remove c0"}, b.did)
		require.Regexp(t, "^shop-self-test-[a-z0-9]{8}$", spec.Name)
		spec.Name = ""
		require.Equal(t, catalog.ContainerSpec{
			Image: "registry.example/shop:1", Entrypoint: []string{"/shop", "--self-test"}, Network: "none", Restart: "no",
			Labels: map[string]string{catalog.LabelService: "shop", catalog.LabelTask: "self-test", catalog.ServiceIgnore: "true"},
		}, spec)
	})
}

// watching keeps what a container was made from.
type watching struct {
	*bench
	spec *catalog.ContainerSpec
}

func (w watching) Create(ctx context.Context, spec catalog.ContainerSpec) (string, error) {
	*w.spec = spec
	return w.bench.Create(ctx, spec)
}

func TestSelfTestOfAnotherPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, spec := newBench("", 0), tested()
		spec.SelfTest.Part = "worker"
		require.NoError(t, images.SelfTest(t.Context(), b, spec, io.Discard))
		require.Contains(t, b.did, "pull registry.example/worker:1")
		spec.SelfTest.Part = "moon"
		require.ErrorContains(t, images.SelfTest(t.Context(), b, spec, io.Discard), "part moon, which /src/compose.yaml does not have")
	})
}

func TestNoSelfTestIsFine(t *testing.T) {
	b := newBench("", 1)
	require.NoError(t, images.SelfTest(t.Context(), b, shop(), io.Discard))
	require.Empty(t, b.did)
}

func TestSelfTestFails(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*bench)
		says    string
	}{
		"it ends with a code":    {func(b *bench) { b.code = 3 }, `ended with 3; it last wrote: "two"`},
		"it takes too long":      {func(b *bench) { b.takes = 0 }, `did not end within 1m0s and was killed; it last wrote: "two"`},
		"it can't be started":    {func(b *bench) { b.broken = "start" }, "on host bench: start shop-self-test-"},
		"its image is not there": {func(b *bench) { b.broken = "pull registry.example/shop:1" }, "build it first"},
		"it can't be removed":    {func(b *bench) { b.broken = "remove c0" }, "is left on host bench, remove it by hand: docker rm -f shop-self-test-"},
		"it took too long and can't be removed": {
			func(b *bench) { b.takes, b.broken = 0, "stop c0" }, "docker rm -f shop-self-test-",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench("one\ntwo\n", 0)
				c.prepare(b)
				require.ErrorContains(t, images.SelfTest(t.Context(), b, tested(), io.Discard), c.says)
				if b.broken != "remove c0" && b.broken != "stop c0" {
					require.Empty(t, b.specs, "nothing is left")
				}
			})
		})
	}
}

func TestSelfTestThatIsInterruptedLeavesNothing(t *testing.T) {
	for name, c := range map[string]func(b *bench, stop func()){
		"while it runs":       func(b *bench, stop func()) { b.takes = 0; time.AfterFunc(time.Second, stop) },
		"while it is created": func(b *bench, stop func()) { b.created = stop },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench("", 0)
				ctx, stop := context.WithCancel(t.Context())
				c(b, stop)
				require.ErrorIs(t, images.SelfTest(ctx, b, tested(), io.Discard), context.Canceled)
				require.Contains(t, b.did, "remove c0")
				require.Empty(t, b.specs)
			})
		})
	}
}

func TestSelfTestSweepsWhatAKilledOneLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench("", 0)
		labels := map[string]string{catalog.LabelService: "shop", catalog.LabelTask: "self-test"}
		other := map[string]string{catalog.LabelService: "other", catalog.LabelTask: "self-test"}
		task := map[string]string{catalog.LabelService: "shop", catalog.LabelTask: "self-test", catalog.LabelEnvironment: "production"}
		long := time.Now().Add(-time.Hour)
		b.old = []catalog.Container{
			{ID: "dead", Labels: labels, Created: long},
			{ID: "beside", Labels: labels, Created: time.Now().Add(-time.Minute)},
			{ID: "other", Labels: other, Created: long},
			{ID: "task", Labels: task, Created: long},
		}
		require.NoError(t, images.SelfTest(t.Context(), b, tested(), io.Discard))
		var left []string
		for _, c := range b.old {
			left = append(left, c.ID)
		}
		require.Equal(t, []string{"beside", "other", "task"}, left)
	})
}
