package hosttest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/hosttest/program"
)

const (
	label   = "teal.hosttest" // on all that a test makes, with the test's own value
	port    = 8080
	patient = 20 * time.Second      // how long a host may take for anything
	often   = 20 * time.Millisecond // how often it is looked at meanwhile
)

// world is one test's part of a host: what it makes there is told from all else
// by name and label, and removed at its end.
type world struct {
	t     *testing.T
	host  Host
	image string
	mark  string
}

func newWorld(t *testing.T, newHost func(t *testing.T) Host, image string) *world {
	w := &world{t: t, host: newHost(t), image: image, mark: "teal-" + rand.Text()[:10]}
	t.Cleanup(w.clear)
	return w
}

// clear runs after the test's own context has ended.
func (w *world) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	mine, err := w.host.List(ctx, map[string]string{label: w.mark})
	require.NoError(w.t, err)
	for _, c := range mine {
		require.NoError(w.t, w.host.Remove(ctx, c.ID))
	}
	require.NoError(w.t, w.host.RemoveNetwork(ctx, w.mark))
	require.NoError(w.t, w.host.RemoveNetwork(ctx, w.further()))
}

// further is the name of this test's second network.
func (w *world) further() string { return w.mark + "-further" }

// spec is a container that serves, with a name of this test.
func (w *world) spec(name string) catalog.ContainerSpec {
	return catalog.ContainerSpec{
		Name: w.mark + "-" + name, Image: w.image,
		Env:    map[string]string{"PORT": strconv.Itoa(port), "COLOUR_OF_MONEY": "green=1,blue=2"},
		Labels: map[string]string{label: w.mark, "part": name},
		Ports:  []catalog.Port{{Private: port, Protocol: "tcp"}},
	}
}

func (w *world) create(spec catalog.ContainerSpec) string {
	w.t.Helper()
	id, err := w.host.Create(w.t.Context(), spec)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, id)
	return id
}

// start makes and starts a container.
func (w *world) start(spec catalog.ContainerSpec) string {
	w.t.Helper()
	id := w.create(spec)
	require.NoError(w.t, w.host.Start(w.t.Context(), id))
	return id
}

// find is the container of an id among those of this test.
func (w *world) find(id string) (catalog.Container, bool) {
	w.t.Helper()
	mine, err := w.host.List(w.t.Context(), map[string]string{label: w.mark})
	require.NoError(w.t, err)
	for _, c := range mine {
		if c.ID == id {
			return c, true
		}
	}
	return catalog.Container{}, false
}

func (w *world) get(id string) catalog.Container {
	w.t.Helper()
	c, ok := w.find(id)
	require.True(w.t, ok, "container %s is not listed", id)
	return c
}

// eventually waits until a container is as it should be.
func (w *world) eventually(id, what string, is func(catalog.Container) bool) catalog.Container {
	w.t.Helper()
	var last catalog.Container
	require.Eventually(w.t, func() bool {
		last = w.get(id)
		return is(last)
	}, patient, often, "the container is not %s", what)
	return last
}

// address is where a container's port answers.
func (w *world) address(id string) string {
	w.t.Helper()
	for _, p := range w.get(id).Ports {
		if p.Private == port {
			require.NotZero(w.t, p.Host, "port %d is not published", port)
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Host))
		}
	}
	require.Fail(w.t, "the port is not listed", "port %d", port)
	return ""
}

// serves waits until a container answers requests.
func (w *world) serves(id string) {
	w.t.Helper()
	url := "http://" + w.address(id) + "/"
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	require.Eventually(w.t, func() bool {
		answer, err := client.Get(url)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return err == nil && string(body) == "ok"
	}, patient, often, "%s does not answer", url)
}

// logged waits until a container has written a text.
func (w *world) logged(id, text string) string {
	w.t.Helper()
	var logs string
	require.Eventually(w.t, func() bool {
		var err error
		logs, err = w.host.Logs(w.t.Context(), id, 100)
		require.NoError(w.t, err)
		return contains(logs, text)
	}, patient, often, "the logs do not say %q", text)
	return logs
}

func ignoringTerm(spec catalog.ContainerSpec) catalog.ContainerSpec {
	return withEnv(spec, program.EnvIgnore, "1")
}

func exitingWith(spec catalog.ContainerSpec, code int) catalog.ContainerSpec {
	return withEnv(spec, program.EnvExit, fmt.Sprint(code))
}

func withEnv(spec catalog.ContainerSpec, name, value string) catalog.ContainerSpec {
	spec.Env = maps.Clone(spec.Env)
	spec.Env[name] = value
	return spec
}
