package deployer_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// inProduction changes the environment of a request.
func inProduction(req deployer.Request, change func(*servicefile.Environment)) deployer.Request {
	env := req.Spec.Environments["production"]
	change(&env)
	req.Spec.Environments["production"] = env
	return req
}

func inBatches(image, release string) deployer.Request {
	return inProduction(request(image, release), func(env *servicefile.Environment) {
		env.Batch, env.Hosts = 1, []string{"a", "b", "c"}
	})
}

func TestBatchesComeUpOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld()
	looks := map[string]int{}
	created := map[string]bool{}
	w.on = func(op, arg string) error {
		switch {
		case op == "service" && w.in(catalog.Starting):
			for _, h := range []string{"a", "b", "c"} {
				if len(w.names(h)) == 3 {
					looks[h]++
				}
			}
		case op == "create":
			for _, pair := range []string{"ab", "bc"} {
				if len(w.names(pair[1:])) > 0 && !created[pair] {
					created[pair] = true
					assert.Positive(t, looks[pair[:1]], "%s was looked at before %s was touched", pair[:1], pair[1:])
				}
			}
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), inBatches("good", "r1"))
	require.NoError(t, err)
	for _, h := range []string{"a", "b", "c"} {
		require.Equal(t, running("blue", "r1"), w.names(h))
	}
}

func TestBatchThatFailsLeavesTheOtherHostsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, err := w.deployer().Deploy(t.Context(), inBatches("sick", "r1"))
	f := failure(t, err)
	require.Equal(t, catalog.Starting, f.Stage)
	require.Contains(t, f.Reason, "0 of 2 instances")
	require.NoError(t, f.Leftover)
	require.Equal(t, 3, w.created)
	require.Empty(t, w.names("a"))
}

func TestSelectorPicksHosts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.hosts = []catalog.HostRecord{
		{Node: "n1", Endpoint: "a", Labels: map[string]string{"pool": "web"}},
		{Node: "n2", Endpoint: "b", Labels: map[string]string{"pool": "db"}},
		{Node: "n3", Endpoint: "c", Labels: map[string]string{"pool": "web", "rack": "3"}},
	}
	req := inProduction(request("good", "r1"), func(env *servicefile.Environment) {
		env.Hosts, env.Selector = nil, map[string]string{"pool": "web"}
	})
	d, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "c"}, d.Hosts)
	require.Empty(t, w.names("b"))

	req = inProduction(req, func(env *servicefile.Environment) { env.Selector = map[string]string{"pool": "none"} })
	_, err = w.deployer().Deploy(t.Context(), req)
	require.ErrorContains(t, err, "no host has the labels [pool=none]")
}

func TestSelectedHostsMustBeReachedEachByItself(t *testing.T) {
	t.Parallel()
	const socket = "unix:///var/run/docker.sock"
	web := map[string]string{"pool": "web"}
	w := newWorld()
	w.hosts = []catalog.HostRecord{
		{Node: "n2", Endpoint: socket, Labels: web},
		{Node: "n1", Endpoint: socket, Labels: web},
		{Node: "n3", Endpoint: "ssh://n3", Labels: web},
		{Node: "n4", Endpoint: socket, Labels: map[string]string{"pool": "db"}},
	}
	req := inProduction(request("good", "r1"), func(env *servicefile.Environment) { env.Hosts, env.Selector = nil, web })
	for name, do := range map[string]func() error{
		"deploy": func() error { _, err := w.deployer().Deploy(t.Context(), req); return err },
		"plan":   func() error { _, err := w.deployer().Plan(t.Context(), req); return err },
	} {
		err := do()
		require.ErrorContains(t, err, "the hosts of environment production with the labels [pool=web] can't be told apart: nodes n1, n2 have all recorded unix:///var/run/docker.sock; start their registrators with --docker-advertise", name)
		require.NotContains(t, err.Error(), "n4")
	}
	require.Empty(t, w.deployments)

	w.hosts = w.hosts[:1]
	d, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err, "the only host may be this one")
	require.Equal(t, []string{socket}, d.Hosts)
}

// goDeaf makes a host answer nothing.
func (w *world) goDeaf(host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf[host] = true
}

func (w *world) isDeaf(host string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deaf[host]
}

// dropping makes a host answer nothing any more from a state on.
func (w *world) dropping(host string, from catalog.DeploymentState) {
	w.on = func(op, arg string) error {
		if w.in(from) && op == "list" && arg == host {
			w.goDeaf(host)
		}
		mine := arg == host || strings.HasPrefix(arg, host+"-")
		if w.isDeaf(host) && mine {
			return errKilled
		}
		return nil
	}
}
