package deployer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// actions are what a plan does on each host, in its order.
func actions(p deployer.DeploymentPlan) []string {
	var all []string
	for _, h := range p.Hosts {
		for _, c := range h.Containers {
			all = append(all, h.Host+": "+string(c.Action)+" "+c.Container)
		}
	}
	return all
}

// planned plans, and holds the world to having stayed as it was.
func (w *world) planned(t *testing.T, req deployer.Request) deployer.DeploymentPlan {
	t.Helper()
	index, created, stops, wrote, configs := w.index, w.created, w.stops, len(w.wrote), w.configs
	w.on = func(op, arg string) error {
		switch op {
		case "lock", "deployment", "release", "config", "flip", "create", "start", "stop", "pull", "remove", "rename", "network":
			return errors.New("a plan did " + op + " " + arg)
		}
		return nil
	}
	plan, err := w.deployer().Plan(t.Context(), req)
	w.on = nil
	require.NoError(t, err)
	require.Equal(t, []int{created, stops, wrote, configs}, []int{w.created, w.stops, len(w.wrote), w.configs})
	require.Equal(t, index, w.index)
	return plan
}

func TestPlanOfTheFirstDeployment(t *testing.T) {
	plan := newWorld().planned(t, request("good", "r1"))
	require.True(t, plan.Changes)
	require.Equal(t, "blue-production", plan.Target.String())
	require.True(t, plan.Live.IsZero())
	require.Equal(t, []string{
		"a: start web-production-blue-db-1", "a: start web-production-blue-web-1", "a: start web-production-blue-web-2",
		"b: start web-production-blue-db-1", "b: start web-production-blue-web-1", "b: start web-production-blue-web-2",
	}, actions(plan))
	require.Equal(t, []deployer.KeyChange{
		{Key: "releases/web/blue-production", To: "r1 (ready)"},
		{Key: "services/web", Fields: []string{"description"}},
		{Key: "aliases/web/production", To: "blue-production"},
	}, plan.Keys)
	require.Empty(t, plan.Drift)
	require.Empty(t, plan.Notes)
}

func TestPlanIsWhatADeploymentDoes(t *testing.T) {
	w := newWorld()
	w.deploy(t, "r1")
	plan := w.planned(t, request("good", "r1"))
	require.False(t, plan.Changes, "what is live is what the file says")
	require.Equal(t, "blue-production", plan.Target.String())
	require.Equal(t, "a: keep web-production-blue-db-1", actions(plan)[0])
	require.Empty(t, plan.Keys)

	w.deploy(t, "r2")
	req := request("good", "r3")
	req.Spec.Parts[0].Name = "store" // instead of db
	req.Spec.Parts[1].After = nil
	req.Spec.Environments["production"] = servicefile.Environment{Name: "production", Hosts: []string{"a"}, Replicas: 3, Coloured: true}
	plan = w.planned(t, req)
	require.Equal(t, []string{
		"a: start web-production-blue-store-1",
		"a: replace web-production-blue-web-1", "a: replace web-production-blue-web-2", "a: start web-production-blue-web-3",
		"a: stop web-production-blue-db-1",
		"a: keep web-production-green-db-1", "a: keep web-production-green-web-1", "a: keep web-production-green-web-2",
	}, actions(plan))
	require.Equal(t, "good", plan.Hosts[0].Containers[1].LiveImage)
	require.Empty(t, plan.Hosts[0].Containers[3].LiveImage, "there is no third one live")
	require.Equal(t, []deployer.KeyChange{
		{Key: "releases/web/blue-production", From: "r1 (standby)", To: "r3 (ready)"},
		{Key: "releases/web/green-production", From: "r2 (ready)", To: "r2 (standby)"},
		{Key: "aliases/web/production", From: "green-production", To: "blue-production"},
	}, plan.Keys)

	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, []string{
		"web-production-blue-store-1=r3", "web-production-blue-web-1=r3", "web-production-blue-web-2=r3", "web-production-blue-web-3=r3",
		"web-production-green-db-1=r2", "web-production-green-web-1=r2", "web-production-green-web-2=r2",
	}, w.names("a"))
	require.Equal(t, "blue-production", w.alias("production"))
}

func TestPlanSeesEveryDifference(t *testing.T) {
	for name, change := range map[string]func(*world, *deployer.Request){
		"another release":             func(_ *world, r *deployer.Request) { r.Release = "r2" },
		"another commit":              func(_ *world, r *deployer.Request) { r.Revision = "0123456789abcdef" },
		"another image":               func(_ *world, r *deployer.Request) { r.Spec.Parts[1].Image = "better" },
		"another check":               func(_ *world, r *deployer.Request) { r.Spec.Check.HTTP = "/up" },
		"another owner":               func(_ *world, r *deployer.Request) { r.Spec.Owner = "Ann" },
		"a route":                     func(_ *world, r *deployer.Request) { r.Spec.Routes = []catalog.Route{{Path: "/shop"}} },
		"a live container is gone":    func(w *world, _ *deployer.Request) { w.containers["b"] = w.containers["b"][1:] },
		"a live container is stopped": func(w *world, _ *deployer.Request) { w.containers["a"][1].Running = false },
		"a stranger beside":           func(w *world, _ *deployer.Request) { w.stray("a", "web-production-blue-web-9", "blue") },
		"fewer hosts": func(_ *world, r *deployer.Request) {
			env(r, func(e *servicefile.Environment) { e.Hosts = e.Hosts[:1] })
		},
		"more replicas": func(_ *world, r *deployer.Request) { env(r, func(e *servicefile.Environment) { e.Replicas++ }) },
		"a host's weight": func(_ *world, r *deployer.Request) {
			env(r, func(e *servicefile.Environment) { e.Weights = map[string]int{"b": 3} })
		},
		"a release left half done": func(w *world, _ *deployer.Request) {
			blue := catalog.Target{Colour: catalog.Blue, Environment: "production"}
			r := w.releases[blue]
			r.State = catalog.Dirty
			w.releases[blue] = r
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.deploy(t, "r1")
			req := request("good", "r1")
			require.False(t, w.planned(t, req).Changes)
			change(w, &req)
			plan := w.planned(t, req)
			require.True(t, plan.Changes)
			require.Equal(t, "green-production", plan.Target.String())
		})
	}
}

// stray starts a container that no deployment did.
func (w *world) stray(host, name, colour string) {
	w.containers[host] = append(w.containers[host], &catalog.Container{
		ID: "stray", Name: name, Image: "stray", Running: true,
		Labels: map[string]string{catalog.LabelService: "web", catalog.LabelEnvironment: "production", catalog.LabelColour: colour},
	})
}

func env(r *deployer.Request, change func(*servicefile.Environment)) {
	e := r.Spec.Environments[r.Environment]
	change(&e)
	r.Spec.Environments[r.Environment] = e
}

func TestPlanOfAnUncolouredEnvironmentReplacesInPlace(t *testing.T) {
	w := newWorld()
	req := request("good", "r1")
	req.Environment = "integration"
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.False(t, w.planned(t, req).Changes)
	req.Release = "r2"
	plan := w.planned(t, req)
	require.Equal(t, []string{"a: replace web-integration-db-1", "a: replace web-integration-web-1"}, actions(plan))
	require.Equal(t, []deployer.KeyChange{{Key: "releases/web/integration", From: "r1 (ready)", To: "r2 (ready)"}}, plan.Keys)
}

func TestPlanTellsRoutes(t *testing.T) {
	w := newWorld()
	old := time.Unix(1, 0)
	w.config = catalog.ServiceConfig{Since: 5, Routes: []catalog.Route{
		{Host: "old.example", Path: "/", Alias: "production", Since: old},
		{Host: "kept.example", Path: "/", Alias: "production", Since: old},
		{Path: "/other", Alias: "integration", Since: old},
	}}
	w.others = map[string]catalog.ServiceConfig{
		"shop": {Since: 9, Routes: []catalog.Route{{Host: "Taken.example", Path: "/cart/", Since: old}, {Host: "kept.example", Path: "/", Since: old.Add(1)}}},
		"born": {Since: 6, Traffic: catalog.Traffic{TCP: []catalog.TCPRoute{{Port: 2222}}}},
		"ssh":  {Since: 3, Traffic: catalog.Traffic{TCP: []catalog.TCPRoute{{Port: 22}}}},
	}
	req := request("good", "r1")
	req.Spec.Routes = []catalog.Route{{Host: "new.example", Path: "/"}, {Host: "taken.example", Path: "/cart"}, {Host: "kept.example", Path: "/"}}
	req.Spec.TCP = []catalog.TCPRoute{{Port: 22}, {Port: 2222}, {SNI: "db.example"}}
	plan := w.planned(t, req)
	require.Equal(t, []deployer.RouteChange{
		{Route: "new.example/", Alias: "production", Change: deployer.RouteGained},
		{Route: "taken.example/cart", Alias: "production", Change: deployer.RouteContested, Holder: "shop", Rivals: []string{"shop"}},
		{Route: "kept.example/", Alias: "production", Change: deployer.RouteContested, Holder: "web", Rivals: []string{"shop"}},
		{Route: ":22 (TCP)", Alias: "production", Change: deployer.RouteContested, Holder: "ssh", Rivals: []string{"ssh"}},
		{Route: ":2222 (TCP)", Alias: "production", Change: deployer.RouteContested, Holder: "web", Rivals: []string{"born"}},
		{Route: "db.example (TLS)", Alias: "production", Change: deployer.RouteGained},
		{Route: "old.example/", Alias: "production", Change: deployer.RouteLost},
	}, plan.Routes)
}

func TestPlanTellsWhatStandsInTheWay(t *testing.T) {
	w := newWorld()
	w.deploy(t, "r1")
	w.deployments["0"] = catalog.Deployment{ID: "0", Service: "web", Environment: "production", State: catalog.Checking, Hosts: []string{"c"}}
	w.holder = "1"
	w.on = func(op, arg string) error {
		if op == "list" && arg == "c" {
			return errors.New("it is off")
		}
		return nil
	}
	plan, err := w.deployer().Plan(t.Context(), request("good", "r2"))
	require.NoError(t, err)
	require.Equal(t, []string{
		"ops@here holds the deployment lock (1), so a deployment would not begin now",
		"deployment 0 never ended (checking); a deployment would finish or revert it first",
		"an earlier deployment went to a host that is not looked at: host c can't be seen: it is off",
	}, plan.Notes)

	w.on = func(op, arg string) error {
		if op == "list" && arg == "b" {
			return errors.New("it is off")
		}
		return nil
	}
	_, err = w.deployer().Plan(t.Context(), request("good", "r2"))
	require.ErrorContains(t, err, "a deployment of web to production would not begin: host b can't be seen: it is off")

	w.on = nil
	w.setAlias("production", "blue-production=1,green-production=1")
	_, err = w.deployer().Plan(t.Context(), request("good", "r2"))
	require.ErrorContains(t, err, "none is offline")
}

func TestPlanIsRefusedAsADeploymentIs(t *testing.T) {
	for name, c := range map[string]struct {
		stands func(*world, *deployer.Request)
		told   string
	}{
		"another alias leads there": {
			func(w *world, _ *deployer.Request) { w.setAlias("preview", "green-production") },
			"alias preview points at green-production, which would be replaced",
		},
		"it must be elsewhere first": {
			func(_ *world, r *deployer.Request) {
				env(r, func(e *servicefile.Environment) { e.Requires = "integration" })
			},
			"requires that the release is live in integration: nothing was ever deployed there",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.deploy(t, "r1")
			same, next := request("good", "r1"), request("good", "r2")
			c.stands(w, &same)
			c.stands(w, &next)
			_, err := w.deployer().Plan(t.Context(), next)
			require.ErrorContains(t, err, "a deployment of web to production would be refused: ")
			require.ErrorContains(t, err, c.told)
			_, err = w.deployer().Deploy(t.Context(), next)
			require.Contains(t, failure(t, err).Reason, c.told)

			plan := w.planned(t, same)
			require.False(t, plan.Changes, "there is nothing to deploy")
			require.Len(t, plan.Notes, 1)
			require.Contains(t, plan.Notes[0], "a deployment would be refused: ")
			require.Contains(t, plan.Notes[0], c.told)
		})
	}
}

func TestPlanComparesWithTheRequiredEnvironment(t *testing.T) {
	w := newWorld()
	r := &registry{images: map[string]string{"one:5000/shop:1": "abc", "one:5000/shop:2": "def"}}
	req := promoting("one:5000/shop:1")
	_, err := w.withRegistry(r).Deploy(t.Context(), req)
	require.NoError(t, err)
	req.Environment = "production"
	_, err = w.withRegistry(r).Plan(t.Context(), req)
	require.NoError(t, err)

	other := promoting("one:5000/shop:2")
	other.Environment = "production"
	_, err = w.withRegistry(r).Plan(t.Context(), other)
	require.ErrorContains(t, err, "part web would run another image (one:5000/shop@sha256:def) than there (one:5000/shop@sha256:abc)")
}
