package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// saying has a request declare something of everything that routers read.
func saying(req deployer.Request) deployer.Request {
	req.Spec.Description, req.Spec.Owner = "the new one", "them"
	req.Spec.Routes = routes("/new")
	req.Spec.TCP, req.Spec.Preview = []catalog.TCPRoute{{Port: 5432}}, []catalog.PreviewRule{{Header: "X-Beta"}}
	req.Spec.Traffic.MaxInFlight = 1
	return req
}

// declared is what a service of two environments said before.
func declared() catalog.ServiceConfig {
	return catalog.ServiceConfig{
		Description: "the old one",
		Routes: []catalog.Route{
			{Host: "shop.example.com", Path: "/trial", Alias: "integration"},
			{Host: "shop.example.com", Path: "/old", Alias: "production"},
		},
		Aliases: map[string][]string{"production": {"beta"}},
		Traffic: catalog.Traffic{MaxInFlight: 100, TCP: []catalog.TCPRoute{{Port: 15432, Alias: "integration"}}},
	}
}

func TestWhatAFailedDeploymentDeclaredIsTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(w *world)
		end  catalog.DeploymentState
	}{
		"the flip is refused": {func(w *world) {
			w.on = func(op, _ string) error {
				if op == "flip" {
					return catalog.ErrUnhealthy
				}
				return nil
			}
		}, catalog.Failed},
		"it does not do well": {func(w *world) { w.whileBaking(func() { w.failing(blue, 20) }) }, catalog.RolledBack},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			w.config = declared()
			c.harm(w)
			_, err := w.deployer().Deploy(t.Context(), saying(baked(time.Minute)))

			f := failure(t, err)
			require.NoError(t, f.Leftover)
			require.Equal(t, c.end, f.Outcome)
			require.Equal(t, string(declared().Encode()), string(w.config.Encode()))
			require.NotNil(t, w.last(t).Declared)
			require.EqualValues(t, 1, w.last(t).Declared.After.MaxInFlight, "it had been declared")
		})
	}
}

// TestWhatOthersDeclareStays lets another environment be deployed, and somebody
// change a limit by hand, while a deployment goes wrong.
func TestWhatOthersDeclareStays(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.config = declared()
	w.whileBaking(func() {
		w.failing(blue, 20)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.config.Owner, w.config.MaxInFlight = "others", 50
		w.config.Routes = append(routes("/trial", "/second"), w.config.Routes[1:]...)
		w.config.Routes[0].Alias, w.config.Routes[1].Alias = "integration", "integration"
	})
	_, err := w.deployer().Deploy(t.Context(), saying(baked(time.Minute)))

	require.NoError(t, failure(t, err).Leftover)
	require.Equal(t, "the old one", w.config.Description)
	require.Equal(t, "others", w.config.Owner)
	require.Equal(t, 50, w.config.MaxInFlight)
	var paths []string
	for _, r := range w.config.Routes {
		paths = append(paths, r.Path)
	}
	require.Equal(t, []string{"/trial", "/second", "/old"}, paths)
	require.Equal(t, []catalog.TCPRoute{{Port: 15432, Alias: "integration"}}, w.config.TCP)
	require.Empty(t, w.config.Preview)
}

func TestWhatIsLiveKeepsWhatItDeclared(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.config = declared()
	d, err := w.deployer().Deploy(t.Context(), saying(request("good", "r3")))
	require.NoError(t, err)
	require.Equal(t, "the new one", w.config.Description)
	require.NotNil(t, d.Declared)
	d, err = w.deployer().Deploy(t.Context(), saying(request("good", "r4")))
	require.NoError(t, err)
	require.Nil(t, d.Declared, "nothing changed")
}

// TestWhatAnotherEnvironmentSaysTooStays has another environment deploy the same file
// while the first one is watched: what both say is the other's then.
func TestWhatAnotherEnvironmentSaysTooStays(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.config = declared()
	w.whileBaking(func() {
		w.failing(blue, 20)
		w.mu.Lock()
		defer w.mu.Unlock()
		other := catalog.Deployment{ID: catalog.NewDeploymentID(time.Now().Add(time.Minute)), Service: "web", Environment: "integration"}
		w.deployments[other.ID] = other.Enter(catalog.Succeeded, time.Now(), "")
		w.releasesOf("web")[catalog.Target{Environment: "integration", Colour: catalog.Blue}] = catalog.Release{ID: "r3", Deployment: other.ID}
	})
	_, err := w.deployer().Deploy(t.Context(), saying(baked(time.Minute)))

	require.NoError(t, failure(t, err).Leftover)
	require.Equal(t, "the new one", w.config.Description)
	require.Equal(t, 1, w.config.MaxInFlight)
	require.Equal(t, declared().Routes, w.config.Routes, "its own routes are not the other's")
}

func TestOnlyWhatChangesIsRecorded(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.config = declared()
	req := request("good", "r3")
	req.Spec.Description, req.Spec.Traffic, req.Spec.Routes = "the new one", declared().Traffic, routes("/old")
	req.Spec.Traffic.TCP = nil
	d, err := w.deployer().Deploy(t.Context(), inProduction(req, func(env *servicefile.Environment) { env.Aliases = []string{"beta"} }))
	require.NoError(t, err)
	require.Equal(t, &catalog.Declaration{
		Before: catalog.ServiceConfig{Description: "the old one"}, After: catalog.ServiceConfig{Description: "the new one"},
	}, d.Declared)
	require.Equal(t, []string{"/trial", "/old"}, []string{w.config.Routes[0].Path, w.config.Routes[1].Path}, "each in its place")
}
