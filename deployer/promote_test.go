package deployer_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/hosts"
	"teal/deployer/servicefile"
)

// registry knows images under names and answers their digest.
type registry struct {
	mu     sync.Mutex
	images map[string]string
	copied []string
}

func (r *registry) Digest(_ context.Context, image string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	digest, ok := r.images[image]
	if !ok {
		return "", catalog.ErrNoImage
	}
	return image[:strings.LastIndex(image, ":")] + "@sha256:" + digest, nil
}

func (r *registry) Copy(_ context.Context, from, to string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, digest, _ := strings.Cut(from, "@sha256:")
	r.copied = append(r.copied, from+" -> "+to)
	r.images[to] = digest
	return to[:strings.LastIndex(to, ":")] + "@sha256:" + digest, nil
}

func (w *world) withRegistry(r deployer.Registry) *deployer.Deployer {
	return deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, Registry: r, By: "test@here", Poll: time.Millisecond,
		Acknowledge: 2 * time.Second, Routed: 2 * time.Second, Insist: time.Millisecond,
	})
}

// promoting is a request for integration, whose release production requires.
func promoting(image string) deployer.Request {
	req := inProduction(request(image, "r1"), func(env *servicefile.Environment) { env.Requires = "integration" })
	req.Spec.Parts[1].Build = &servicefile.Build{}
	req.Environment = "integration"
	return req
}

func TestPromotionRunsTheVeryDigests(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := &registry{images: map[string]string{"one:5000/shop:latest": "abc"}}
	req := promoting("one:5000/shop:latest")
	req.Spec = inProduction(req, func(env *servicefile.Environment) { env.Registry = "two:5000" }).Spec
	_, err := w.withRegistry(r).Deploy(t.Context(), req)
	require.NoError(t, err)
	r.images["one:5000/shop:latest"] = "newer"

	next, err := w.withRegistry(r).Promotion(t.Context(), req.Spec, "integration", "production", "", false)
	require.NoError(t, err)
	require.Equal(t, []string{"one:5000/shop@sha256:abc -> two:5000/shop:r1"}, r.copied)
	d, err := w.withRegistry(r).Deploy(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, "two:5000/shop@sha256:abc", d.Images["web"])
	require.Equal(t, "integration", d.From)
	for _, h := range []string{"a", "b"} {
		for _, c := range w.containers[h] {
			if c.Labels[catalog.LabelPart] == "web" && c.Labels[catalog.LabelEnvironment] == "production" {
				require.Equal(t, "two:5000/shop@sha256:abc", c.Image)
			}
		}
	}
}

func TestRequiredReleaseMustBeTheSame(t *testing.T) {
	t.Parallel()
	for _, image := range []string{"one:5000/shop:latest", "shop:latest"} {
		w := newWorld()
		r := &registry{images: map[string]string{"one:5000/shop:latest": "abc"}}
		req := promoting(image)
		inFront := req
		inFront.Environment = "production"
		_, err := w.withRegistry(r).Deploy(t.Context(), inFront)
		require.Contains(t, failure(t, err).Reason, "nothing was ever deployed there")
		_, err = w.withRegistry(r).Deploy(t.Context(), req)
		require.NoError(t, err)
		created := w.created

		other := promoting(strings.Replace(image, "latest", "other", 1))
		other.Environment = "production"
		r.images["one:5000/shop:other"] = "newer"
		_, err = w.withRegistry(r).Deploy(t.Context(), other)
		require.Contains(t, failure(t, err).Reason, "part web would run another image")
		require.Equal(t, created, w.created, "nothing was touched")

		_, err = w.withRegistry(r).Deploy(t.Context(), inFront)
		require.NoError(t, err)
	}
}

func TestRequiredReleaseMustHaveComeThrough(t *testing.T) {
	t.Parallel()
	for state, next := range map[catalog.DeploymentState]string{
		catalog.Draining:       "wait until it has succeeded, or go on with it with `teal resume --environment integration`",
		catalog.Baking:         "wait until it has succeeded",
		catalog.RollbackFailed: "deploy it there first",
	} {
		w := newWorld()
		req := promoting("shop:latest")
		brought, err := w.deployer().Deploy(t.Context(), req)
		require.NoError(t, err)
		left := brought.Enter(state, time.Now(), "")
		w.deployments[left.ID] = left
		created := w.created

		req.Environment = "production"
		told := "by a deployment that succeeded, and deployment " + left.ID + " of release r1 there is " + string(state) + "; " + next
		_, err = w.deployer().Plan(t.Context(), req)
		require.ErrorContains(t, err, told)
		_, err = w.deployer().Deploy(t.Context(), req)
		require.Contains(t, failure(t, err).Reason, told)
		require.Equal(t, created, w.created, "nothing was touched")

		delete(w.deployments, left.ID) // as prune does, later
		_, err = w.deployer().Deploy(t.Context(), req)
		require.NoError(t, err)
	}
}

func TestUnpinnedPromotionNeedsTheSameImageOnEveryHost(t *testing.T) {
	t.Parallel()
	w := newWorld()
	req := promoting("shop:latest")
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	next, err := w.deployer().Promotion(t.Context(), req.Spec, "integration", "production", "", false)
	require.NoError(t, err)
	created := w.created
	other := deployer.New(deployer.Options{
		Store: w, Fleet: w, Poll: time.Millisecond,
		Connect: func(endpoint string) (hosts.Host, error) { return stale{engine{w, endpoint}}, nil },
	})
	_, err = other.Deploy(t.Context(), next)
	require.Contains(t, failure(t, err).Reason, "host b: image shop:latest of part web is sha256:stale there")
	require.Equal(t, created, w.created)
}

// Hosts that have different images under one name would leave the fleet mixed.
func TestHostsWithDifferentImagesAreRefused(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	created := w.created
	d := deployer.New(deployer.Options{
		Store: w, Fleet: w, Poll: time.Millisecond,
		Connect: func(endpoint string) (hosts.Host, error) { return stale{engine{w, endpoint}}, nil },
	})
	_, err := d.Deploy(t.Context(), request("shop:latest", "r3"))
	f := failure(t, err)
	require.Equal(t, catalog.Pulling, f.Stage)
	require.Contains(t, f.Reason, "so not all would run the same; `docker pull` it on all of them")
	require.Equal(t, created, w.created)

	for image, why := range map[string]string{
		"one:5000/shop@sha256:index": "by one digest each host gets what fits its architecture",
		"shop-same:1":                "one digest has several ids",
		"shop-local:1":               "what was built on each host has no digest to tell by",
	} {
		_, err = d.Deploy(t.Context(), request(image, "r3"))
		require.NoError(t, err, why)
	}
}

// Image tells of another digest on host b, but for images that are called same, or
// local, which have none.
func (s stale) Image(ctx context.Context, ref string) (catalog.Image, error) {
	image, err := s.engine.Image(ctx, ref)
	switch {
	case strings.Contains(ref, "local"):
		image.Digests = nil
	case strings.Contains(ref, "same"):
		image.Digests = []string{"shop@sha256:same"}
	default:
		image.Digests = []string{"shop@sha256:" + s.name}
	}
	return image, err
}

// stale is a host with an older image under the same name, when it is host b.
type stale struct{ engine }

func (s stale) Pull(ctx context.Context, image string) (string, error) {
	id, err := s.engine.Pull(ctx, image)
	if s.name == "b" && strings.Contains(image, "shop") {
		id = "sha256:stale"
	}
	return id, err
}

func TestImageThatIsNotInItsRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, err := w.withRegistry(&registry{images: map[string]string{}}).Deploy(t.Context(), request("one:5000/shop:latest", "r1"))
	require.Contains(t, failure(t, err).Reason, "push the image first")
	require.Zero(t, w.created)
}
