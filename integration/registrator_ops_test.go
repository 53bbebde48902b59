//go:build integration

package integration

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/consul/consultest"
	"teal/docker"
	"teal/integration/testimage"
)

// operated is `teal registrator` as an operator has it: a command on a real
// Consul and a real Docker engine. Its owner and its service are its own, since
// other tests share the engine.
type operated struct {
	*world
	owner, service, listen string
}

func newOperated(t *testing.T, options ...consultest.Option) *operated {
	t.Helper()
	testimage.Build(t, "teal-test/host:v1", "teal/integration/testimage/app")
	name := "ops-" + strings.ToLower(rand.Text()[:8])
	return &operated{world: &world{consul: consultest.Start(t, options...)}, owner: name, service: name, listen: freeAddr(t)}
}

// args is the command line of the registrator, with more flags.
func (o *operated) args(more ...string) []string {
	return append([]string{"registrator", "--explicit", "--owner", o.owner, "--ip", "127.0.0.1", "--interval", "1s", "--listen", o.listen}, more...)
}

// container starts one of the service, with more labels, and answers the id of
// its instance.
func (o *operated) container(t *testing.T, name string, more map[string]string) string {
	t.Helper()
	engine, err := docker.New("")
	require.NoError(t, err)
	spec := catalog.ContainerSpec{
		Name: o.service + "-" + name, Image: "teal-test/host:v1", Ports: []catalog.Port{{Private: 8080}},
		Labels: map[string]string{"SERVICE_NAME": o.service, "SERVICE_ENVIRONMENT": production},
	}
	for label, value := range more {
		spec.Labels[label] = value
	}
	id, err := engine.Create(t.Context(), spec)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, engine.Remove(context.WithoutCancel(t.Context()), id))
		_ = engine.Close()
	})
	require.NoError(t, engine.Start(t.Context(), id))
	return o.owner + ":" + spec.Name + ":8080"
}

// ask asks the registrator; nobody there is status 0.
func (o *operated) ask(path string) (int, string) {
	resp, err := http.Get("http://" + o.listen + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// answers waits until the registrator answers a path with a status and a text.
func (o *operated) answers(t *testing.T, path string, status int, text string) {
	t.Helper()
	var code int
	var body string
	require.Eventually(t, func() bool {
		code, body = o.ask(path)
		return code == status && strings.Contains(body, text)
	}, patience, 20*time.Millisecond, "GET %s is not %d with %q", path, status, text)
}

// ids are the instances that the agent knows of the service.
func (o *operated) ids(t *testing.T) []string {
	t.Helper()
	services, err := o.consul.Client().Agent().ServicesWithFilter(`Service == "` + o.service + `"`)
	require.NoError(t, err)
	ids := []string{}
	for id := range services {
		ids = append(ids, id)
	}
	return ids
}

func (o *operated) foreign(t *testing.T) {
	t.Helper()
	require.NoError(t, o.consul.Client().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "foreign", Name: o.service, Port: 1}))
}

func TestTheRegistratorsPlanIsShownAndNotWritten(t *testing.T) {
	o := newOperated(t)
	good := o.container(t, "good", nil)
	o.container(t, "bad", map[string]string{"SERVICE_COLOUR": "red"})
	o.foreign(t)
	r := o.run(t, nil, o.args("--dry-run")...)
	require.Zero(t, r.code)
	require.Contains(t, r.out, "register "+good+": new, service "+o.service+" at 127.0.0.1:")
	require.Regexp(t, "problem .*"+o.service+"-bad.*red", r.out)
	require.NotContains(t, r.out, "foreign")
	require.Equal(t, []string{"foreign"}, o.ids(t))
	keys, _, err := o.consul.Client().KV().Keys(catalog.DefaultPrefix, "", nil)
	require.NoError(t, err)
	require.Empty(t, keys)
}

func TestTheRegistratorIsOperated(t *testing.T) {
	o := newOperated(t)
	good := o.container(t, "good", nil)
	o.container(t, "bad", map[string]string{"SERVICE_COLOUR": "red"})
	o.consul.Stop()
	d := o.start(t, "TEAL_HOST_LABEL=zone=a", o.args("--on-exit", "deregister", "--ready-age", "2s", "--docker-advertise", "tcp://n1:2376")...)
	o.answers(t, "/readyz", http.StatusServiceUnavailable, "cannot reach Consul")
	o.answers(t, "/healthz", http.StatusOK, "alive")

	o.consul.Restart()
	o.answers(t, "/readyz", http.StatusOK, `"status": "ready"`)
	require.Equal(t, []string{good}, o.ids(t))
	o.answers(t, "/metrics", http.StatusOK, "teal_registrator_registered_instances ")
	o.answers(t, "/v1/problems", http.StatusOK, o.service+"-bad")
	r := o.run(t, nil, "registrator", "problems", "--address", o.listen)
	require.Zero(t, r.code)
	require.Regexp(t, "(?m)^.*"+o.service+"-bad.*red.*$", r.out)
	o.tellsOfItsHost(t)

	o.consul.Stop()
	o.answers(t, "/readyz", http.StatusServiceUnavailable, "cannot reach Consul")
	o.consul.Restart() // without its data
	o.answers(t, "/readyz", http.StatusOK, `"status": "ready"`)
	require.Equal(t, []string{good}, o.ids(t))

	o.foreign(t)
	d.end(syscall.SIGTERM)
	require.Zero(t, d.cmd.ProcessState.ExitCode())
	require.Equal(t, []string{"foreign"}, o.ids(t))
}

func (o *operated) tellsOfItsHost(t *testing.T) {
	t.Helper()
	store, err := consul.New(consul.Options{Address: o.consul.Addr})
	require.NoError(t, err)
	var hosts []catalog.HostRecord
	require.Eventually(t, func() bool {
		hosts, err = store.Hosts(t.Context())
		return err == nil && len(hosts) == 1
	}, patience, 20*time.Millisecond)
	h := hosts[0]
	require.Equal(t, map[string]string{"zone": "a"}, h.Labels)
	require.Equal(t, "tcp://n1:2376", h.Endpoint)
	require.Positive(t, h.Cores)
	require.Positive(t, h.Memory)
	require.NotEmpty(t, h.Docker)
	require.NotEmpty(t, h.Node)
}

func TestTheRegistratorKeepsWhatItRegisteredAtItsEnd(t *testing.T) {
	o := newOperated(t)
	good := o.container(t, "good", nil)
	d := o.start(t, "", o.args()...)
	o.answers(t, "/readyz", http.StatusOK, `"status": "ready"`)
	r := o.run(t, nil, "registrator", "problems", "--address", o.listen)
	require.Zero(t, r.code)
	d.end(syscall.SIGTERM)
	require.Zero(t, d.cmd.ProcessState.ExitCode())
	require.Equal(t, []string{good}, o.ids(t))
}

// A token that is put into its file later, or replaced, is used without a
// restart.
func TestTheTokenFileOfARunningRegistratorIsFollowed(t *testing.T) {
	const root = "11111111-2222-3333-4444-555555555555"
	o := newOperated(t, consultest.ACLs(root))
	good := o.container(t, "good", nil)
	client := o.consul.Client()
	useless := token(t, client, "useless", `key_prefix "nothing" { policy = "read" }`)
	useful := token(t, client, "registrator", policies(t)["registrator"])
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(useless), 0o600))
	o.start(t, "CONSUL_HTTP_TOKEN_FILE="+file, o.args("--ready-age", "2s")...)
	o.answers(t, "/readyz", http.StatusServiceUnavailable, "permission denied")

	require.NoError(t, os.WriteFile(file+".new", []byte(useful+"\n"), 0o600))
	require.NoError(t, os.Rename(file+".new", file))
	o.answers(t, "/readyz", http.StatusOK, `"status": "ready"`)
	require.Equal(t, []string{good}, o.ids(t))
	require.Eventually(t, func() bool {
		keys, _, err := client.KV().Keys(catalog.NewKeys("").Hosts(), "", nil)
		return err == nil && len(keys) == 1
	}, patience, 20*time.Millisecond, "the documented policy lets the host be recorded")

	require.NoError(t, os.WriteFile(file, []byte(useless), 0o600))
	o.answers(t, "/readyz", http.StatusServiceUnavailable, "permission denied")
}
