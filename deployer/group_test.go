package deployer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// api is a request for another service on the same hosts.
func api(image, release string) deployer.Request {
	req := request(image, release)
	req.Spec.Service = "api"
	return req
}

// twoServices have two releases each.
func twoServices(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	for _, release := range []string{"r1", "r2"} {
		_, err := w.deployer().DeployTogether(t.Context(), []deployer.Request{request("good", release), api("good", release)})
		require.NoError(t, err)
	}
	return w
}

// assertBothUntouched is what must hold after any failure of r3 of both services.
func assertBothUntouched(t *testing.T, w *world) {
	t.Helper()
	require.Equal(t, "green-production", w.alias("production"))
	require.Equal(t, "green-production", w.alias("api/production"))
	want := both(running("blue", "r1"), running("green", "r2"))
	for _, name := range want {
		want = append(want, strings.Replace(name, "web", "api", 1))
	}
	for _, h := range []string{"a", "b"} {
		require.ElementsMatch(t, want, w.names(h))
	}
	require.Equal(t, "r1", w.held["api"][blue].ID)
	require.Equal(t, catalog.Standby, w.held["api"][blue].State)
	require.Empty(t, w.holder)
	require.Empty(t, w.locks["api"])
	for _, d := range w.deployments {
		require.True(t, d.State.Ended())
	}
}

func TestTogetherFlipsInOneTransaction(t *testing.T) {
	t.Parallel()
	w := twoServices(t)
	done, err := w.deployer().DeployTogether(t.Context(), []deployer.Request{request("good", "r3"), api("good", "r3")})
	require.NoError(t, err)
	require.Equal(t, []string{"api", "web"}, []string{done[0].Service, done[1].Service})
	require.Equal(t, []string{"web"}, done[0].Together)
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, "blue-production", w.alias("api/production"))
	require.Equal(t, w.aliases["production"].Index, w.aliases["api/production"].Index)
	require.Empty(t, w.locks["api"])
}

func TestTogetherOneThatFailsKeepsTheOtherBack(t *testing.T) {
	for name, sick := range map[string]string{"api": "api", "web": "web"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := twoServices(t)
			reqs := []deployer.Request{request("good", "r3"), api("good", "r3")}
			if sick == "api" {
				reqs[1] = api("crash", "r3")
			} else {
				reqs[0] = request("crash", "r3")
			}
			_, err := w.deployer().DeployTogether(t.Context(), reqs)
			f := failure(t, err)
			require.Equal(t, sick, f.Service, "the failure that the other follows from comes first")
			require.Equal(t, catalog.Failed, f.Outcome)
			require.ErrorContains(t, err, "deployed together with it")
			assertBothUntouched(t, w)
		})
	}
}

func TestTogetherOneThatCannotBeginKeepsTheOtherBack(t *testing.T) {
	t.Parallel()
	w := twoServices(t)
	req := request("good", "r3")
	env := req.Spec.Environments["production"]
	env.Missing = []string{"secret token can't be read"}
	req.Spec.Environments["production"] = env
	_, err := w.deployer().DeployTogether(t.Context(), []deployer.Request{api("good", "r3"), req})
	require.Equal(t, "web", failure(t, err).Service)
	assertBothUntouched(t, w)
}

func TestTogetherCanaryAndBake(t *testing.T) {
	for name, at := range map[string]string{"canary": "blue-production=25,green-production=75", "bake": "blue-production", "well": "never"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := twoServices(t)
			w.failing(blue, 0)
			req := canaried(10 * time.Millisecond)
			req.Spec.Bake = baked(30 * time.Millisecond).Spec.Bake
			seen := w.watchAlias(at, func() { w.spoil(catalog.Blue, "a") })
			_, err := w.deployer().DeployTogether(t.Context(), []deployer.Request{req, api("good", "r3")})
			require.Contains(t, seen(), "blue-production=5,green-production=95")
			require.Equal(t, w.aliases["production"].Index, w.aliases["api/production"].Index)
			if at == "never" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, catalog.RolledBack, failure(t, err).Outcome)
			assertBothUntouched(t, w)
		})
	}
}

func TestTogetherCanaryWithAServiceThatIsNew(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	w.watchAlias("blue-production=5,green-production=95", func() { w.failing(blue, 50) })
	_, err := w.deployer().DeployTogether(t.Context(), []deployer.Request{canaried(50 * time.Millisecond), api("good", "r3")})
	require.Equal(t, catalog.RolledBack, failure(t, err).Outcome)
	require.Empty(t, w.alias("api/production"))
	assertLiveUntouched(t, w)
}

func TestTogetherEachKeepsToItsOwnLimits(t *testing.T) {
	t.Parallel()
	strict, lax := 0.05, 0.5
	for name, c := range map[string]struct {
		web, api *float64
		well     bool
	}{
		"the first is lax":  {web: &strict, api: &lax},
		"the last is lax":   {web: &lax, api: &strict},
		"both are lax":      {web: &lax, api: &lax, well: true},
		"one has no canary": {web: &lax, well: true},
	} {
		w := twoServices(t)
		w.failing(blue, 20) // of both services
		web, api := canaried(10*time.Millisecond), api("good", "r3")
		web.Spec.Canary.Limits.ErrorRate = c.web
		if c.api != nil {
			api.Spec.Canary = canaried(10 * time.Millisecond).Spec.Canary
			api.Spec.Canary.Limits.ErrorRate = c.api
		}
		_, err := w.deployer().DeployTogether(t.Context(), []deployer.Request{web, api})
		if c.well {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, catalog.RolledBack, failure(t, err).Outcome, name)
		require.ErrorContains(t, err, "20 % of", name)
		assertBothUntouched(t, w)
	}
}

func TestTogetherCanariesMustGoInTheSameSteps(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*servicefile.Canary){
		"steps [5 50 100] with a pause of 1m0s and steps [5 25 100] with a pause of 1m0s": func(c *servicefile.Canary) { c.Steps = []int{5, 50, 100} },
		"steps [5 25 100] with a pause of 2m0s and steps [5 25 100] with a pause of 1m0s": func(c *servicefile.Canary) { c.Pause = 2 * time.Minute },
	} {
		w := newWorld()
		web, api := canaried(time.Minute), api("good", "r3")
		api.Spec.Canary = canaried(time.Minute).Spec.Canary
		change(api.Spec.Canary)
		_, err := w.deployer().DeployTogether(t.Context(), []deployer.Request{web, api})
		require.ErrorContains(t, err, "api and web flip in one transaction, and their canaries differ: "+want)
		require.Empty(t, w.deployments, "nothing is begun")
	}
}

func TestTogetherWithoutALock(t *testing.T) {
	t.Parallel()
	w := twoServices(t)
	w.hold("web", "somebody")
	_, err := w.deployer().DeployTogether(t.Context(), []deployer.Request{request("good", "r3"), api("good", "r3")})
	require.ErrorIs(t, err, catalog.ErrLocked)
	require.Empty(t, w.locks["api"], "what was taken is let go")
}
