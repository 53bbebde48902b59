package images_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/images"
	"teal/deployer/revision"
	"teal/deployer/servicefile"
)

// shop is a service that builds its own image and uses another's.
func shop() *servicefile.Spec {
	return &servicefile.Spec{
		Path: "/src/compose.yaml", Service: "shop", Routed: "web", Source: "https://docs.example/shop",
		Parts: []servicefile.Part{
			{Name: "db", Image: "postgres:17"},
			{Name: "worker", Image: "registry.example/worker:1", Build: &servicefile.Build{Context: "/src/worker"}},
			{Name: "web", Image: "registry.example/shop:1", Build: &servicefile.Build{
				Context: "/src", Dockerfile: "build/Dockerfile", Target: "run", Args: map[string]string{"MODE": "live"},
			}},
		},
	}
}

var (
	committed = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 2*60*60))
	builtAt   = time.Date(2026, 4, 2, 8, 0, 0, 0, time.UTC)
	version   = revision.Version{
		Version: "1.5.0-SNAPSHOT", Revision: "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", Short: "0a1b2c3", Committed: committed,
		Source: "https://git.example/shop.git",
	}
)

func TestPlan(t *testing.T) {
	require.Equal(t, []catalog.BuildSpec{
		{
			Context: "/src/worker", Tags: []string{"registry.example/worker:1"},
			Labels: map[string]string{
				"org.opencontainers.image.title": "shop-worker", "org.opencontainers.image.version": "1.5.0-SNAPSHOT",
				"org.opencontainers.image.revision": version.Revision, "org.opencontainers.image.source": "https://git.example/shop.git",
				"org.opencontainers.image.created": "2026-03-01T10:00:00Z",
			},
		},
		{
			Context: "/src", Dockerfile: "build/Dockerfile", Target: "run", Args: map[string]string{"MODE": "live"},
			Tags: []string{"registry.example/shop:1"},
			Labels: map[string]string{
				"org.opencontainers.image.title": "shop", "org.opencontainers.image.version": "1.5.0-SNAPSHOT",
				"org.opencontainers.image.revision": version.Revision, "org.opencontainers.image.source": "https://git.example/shop.git",
				"org.opencontainers.image.created": "2026-03-01T10:00:00Z",
			},
		},
	}, images.Plan(shop(), version, builtAt))
}

func TestPlanOfADirtyTreeSaysSo(t *testing.T) {
	v := version
	v.Dirty = true
	labels := images.Plan(shop(), v, builtAt)[0].Labels
	require.Equal(t, version.Revision+"-dirty", labels["org.opencontainers.image.revision"])
	require.Equal(t, "2026-04-02T08:00:00Z", labels["org.opencontainers.image.created"])
}

func TestPlanOutsideGit(t *testing.T) {
	require.Equal(t, map[string]string{
		"org.opencontainers.image.title": "shop", "org.opencontainers.image.source": "https://docs.example/shop",
		"org.opencontainers.image.created": "2026-04-02T08:00:00Z",
	}, images.Plan(shop(), revision.Version{}, builtAt)[1].Labels)
}

func TestPlanBuildsASharedImageOnce(t *testing.T) {
	spec := shop()
	spec.Parts[1].Image = spec.Parts[2].Image
	require.Len(t, images.Plan(spec, version, builtAt), 2, "they are built differently")
	require.ErrorContains(t, images.Check(images.Plan(spec, version, builtAt)), "give each part an image name of its own")

	same := *spec.Parts[2].Build
	spec.Parts[1].Build = &same
	require.Len(t, images.Plan(spec, version, builtAt), 1)
	same.Args = map[string]string{"MODE": "try"}
	require.Len(t, images.Plan(spec, version, builtAt), 2, "with other arguments it is another image")
	require.Equal(t, []string{"registry.example/shop:1"}, images.Built(spec))
}

// builder notes what it is asked for; what is broken fails.
type builder struct {
	did    []string
	broken string
}

func (b *builder) Build(_ context.Context, spec catalog.BuildSpec, out io.Writer) error {
	return b.do("build "+spec.Tags[0], out)
}

func (b *builder) Push(_ context.Context, ref string, out io.Writer) (string, error) {
	name, tag, _ := strings.Cut(ref, ":")
	return name + "@sha256:" + tag, b.do("push "+ref, out)
}

func (b *builder) do(what string, out io.Writer) error {
	b.did = append(b.did, what)
	fmt.Fprintln(out, what)
	if what == b.broken {
		return errors.New(what + " has failed")
	}
	return nil
}

func TestBuild(t *testing.T) {
	b, out := &builder{}, &bytes.Buffer{}
	require.NoError(t, images.Build(t.Context(), b, images.Plan(shop(), version, builtAt), out))
	require.Equal(t, []string{"build registry.example/worker:1", "build registry.example/shop:1"}, b.did)
	require.Equal(t, strings.Join(b.did, "\n")+"\n", out.String())

	b = &builder{broken: "build registry.example/worker:1"}
	require.ErrorContains(t, images.Build(t.Context(), b, images.Plan(shop(), version, builtAt), io.Discard), "has failed")
	require.Len(t, b.did, 1)
}

func TestBuildRefusesABadNameBeforeItBegins(t *testing.T) {
	spec, b := shop(), &builder{}
	spec.Parts[2].Image = "registry.example/shop@sha256:" + strings.Repeat("a", 64)
	err := images.Build(t.Context(), b, images.Plan(spec, version, builtAt), io.Discard)
	require.ErrorContains(t, err, "name it by a tag")
	spec.Parts[2].Image = "registry.example/shop:"
	err = images.Build(t.Context(), b, images.Plan(spec, version, builtAt), io.Discard)
	require.ErrorContains(t, err, "see that all variables in it are set")
	require.Empty(t, b.did)
}

func TestPush(t *testing.T) {
	spec, b := shop(), &builder{}
	copied := spec.Parts[2]
	copied.Name = "cron"
	spec.Parts = append(spec.Parts, copied)
	pinned, err := images.Push(t.Context(), b, spec, io.Discard)
	require.NoError(t, err)
	require.Equal(t, []string{"push registry.example/worker:1", "push registry.example/shop:1"}, b.did)
	require.Equal(t, map[string]string{
		"worker": "registry.example/worker@sha256:1", "web": "registry.example/shop@sha256:1", "cron": "registry.example/shop@sha256:1",
	}, pinned)

	_, err = images.Push(t.Context(), &builder{broken: "push registry.example/shop:1"}, spec, io.Discard)
	require.ErrorContains(t, err, "has failed")
	spec.Parts[1].Image = "worker:1"
	_, err = images.Push(t.Context(), b, spec, io.Discard)
	require.ErrorContains(t, err, "write it like registry.example:5000/worker:1")
}
