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
