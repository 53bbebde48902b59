package hosttest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/hosttest/program"
)

// Run runs the suite. The image must run program.Main with the command's
// arguments; newHost may answer the same host each time.
func Run(t *testing.T, newHost func(t *testing.T) Host, image string) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"a host has a name and answers", answers},
		{"a host tells what it is", tellsItself},
		{"an image is pulled once and known by its digest", pulls},
		{"an image is known by each of its names", knowsImages},
		{"an image that is used stays", keepsUsedImages},
		{"a container is created without being started", creates},
		{"a container that is started serves", serves},
		{"every port is published, each on its own", publishes},
		{"a port is published where it is wanted, once", publishesFixed},
		{"a command's arguments reach the program", passesArguments},
		{"logs are the last lines of both outputs", logs},
		{"output is followed to the end of the container", follows},
		{"output is followed to the end of the context", followsUntilTold},
		{"a container is stopped with grace", stops},
		{"a container that ignores the asking is killed", kills},
		{"the end of a container is waited for", waits},
		{"a container that is restarted is waited for", waitsThroughRestarts},
		{"a name is taken once", names},
		{"a container that is gone is no longer to be stopped or removed", removes},
		{"a list holds what has all the labels", lists},
		{"a network goes when nobody uses it", networks},
		{"a container is in further networks", joins},
		{"a container has its files before it starts", putsFiles},
		{"a container that can't have its files is not made", refusesFiles},
		{"another container is made from what one was made from", describes},
		{"a container can be kept from all networks", isolates},
		{"a restart policy holds", restarts},
		{"changes are hinted until the context ends", hints},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newWorld(t, newHost, image)) })
	}
}

func contains(logs, line string) bool {
	return slices.Contains(strings.Split(logs, "\n"), line)
}

func answers(t *testing.T, w *world) {
	require.NotEmpty(t, w.host.Name())
	require.NoError(t, w.host.Ping(t.Context()))
}

func pulls(t *testing.T, w *world) {
	digest, err := w.host.Pull(t.Context(), w.image)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(digest, "sha256:"), digest)
	again, err := w.host.Pull(t.Context(), w.image)
	require.NoError(t, err)
	require.Equal(t, digest, again)
	require.Equal(t, digest, w.get(w.create(w.spec("web"))).ImageID)

	_, err = w.host.Create(t.Context(), catalog.ContainerSpec{Name: w.mark + "-none", Image: "no-such-image:" + strings.ToLower(w.mark)})
	require.ErrorContains(t, err, "no-such-image")
}

func creates(t *testing.T, w *world) {
	spec := w.spec("web")
	c := w.get(w.create(spec))
	require.False(t, c.Running)
	require.Equal(t, spec.Name, c.Name)
	require.Equal(t, w.image, c.Image)
	require.Equal(t, "web", c.Labels["part"])
	require.Equal(t, "green=1,blue=2", c.Env["COLOUR_OF_MONEY"])
	require.Equal(t, []catalog.Port{{Private: port, Protocol: "tcp"}}, c.Ports, "nothing is published yet")
	require.WithinDuration(t, time.Now(), c.Created, time.Minute)
}

func serves(t *testing.T, w *world) {
	id := w.start(w.spec("web"))
	require.True(t, w.get(id).Running)
	w.serves(id)
	require.NoError(t, w.host.Start(t.Context(), id), "starting again is fine")
	require.Error(t, w.host.Start(t.Context(), w.mark+"-none"))
}

func publishes(t *testing.T, w *world) {
	spec := w.spec("web")
	spec.Ports = []catalog.Port{{Private: port}, {Private: 9090, Protocol: "tcp"}, {Private: 5353, Protocol: "udp"}}
	ports := w.get(w.start(spec)).Ports
	slices.SortFunc(ports, func(a, b catalog.Port) int { return a.Private - b.Private })
	require.Len(t, ports, 3)
	for i, want := range []catalog.Port{{Private: 5353, Protocol: "udp"}, {Private: port, Protocol: "tcp"}, {Private: 9090, Protocol: "tcp"}} {
		require.Equal(t, want.Private, ports[i].Private)
		require.Equal(t, want.Protocol, ports[i].Protocol)
		require.NotZero(t, ports[i].Host)
	}
	require.NotEqual(t, ports[1].Host, ports[2].Host)

	one, two := w.start(w.spec("one")), w.start(w.spec("two"))
	require.NotEqual(t, w.address(one), w.address(two))
}

func passesArguments(_ *testing.T, w *world) {
	spec := w.spec("web")
	spec.Command = []string{"one", "two"}
	w.logged(w.start(spec), program.Started+" one two")
}

func logs(t *testing.T, w *world) {
	id := w.start(w.spec("web"))
	w.logged(id, program.Started)
	all, err := w.host.Logs(t.Context(), id, 100)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{program.Warned, program.Started, ""}, strings.Split(all, "\n"))

	require.NoError(t, w.host.Stop(t.Context(), id, 5*time.Second))
	w.logged(id, program.Stopped)
	last, err := w.host.Logs(t.Context(), id, 1)
	require.NoError(t, err)
	require.Equal(t, program.Stopped+"\n", last)
	_, err = w.host.Logs(t.Context(), w.mark+"-none", 1)
	require.Error(t, err)
}

func stops(t *testing.T, w *world) {
	id := w.start(w.spec("web"))
	w.logged(id, program.Started)
	require.NoError(t, w.host.Stop(t.Context(), id, 10*time.Second))
	c := w.get(id)
	require.False(t, c.Running)
	require.Zero(t, c.ExitCode)
	require.Equal(t, []catalog.Port{{Private: port, Protocol: "tcp"}}, c.Ports, "nothing is published any more")
	require.NoError(t, w.host.Stop(t.Context(), id, time.Second), "stopping again is fine")

	require.NoError(t, w.host.Start(t.Context(), id), "a stopped container can be started")
	w.serves(id)
}

func kills(t *testing.T, w *world) {
	id := w.start(ignoringTerm(w.spec("web")))
	w.logged(id, program.Started)
	require.NoError(t, w.host.Stop(t.Context(), id, time.Second))
	c := w.get(id)
	require.False(t, c.Running)
	require.Equal(t, 137, c.ExitCode)
	w.logged(id, program.Stopped)
}

func names(t *testing.T, w *world) {
	web := w.spec("web")
	id, other := w.create(web), w.create(w.spec("other"))
	_, err := w.host.Create(t.Context(), web)
	require.ErrorIs(t, err, catalog.ErrNameTaken)
	require.ErrorContains(t, err, web.Name)
	require.ErrorIs(t, w.host.Rename(t.Context(), other, web.Name), catalog.ErrNameTaken)

	require.NoError(t, w.host.Rename(t.Context(), id, web.Name), "its own name is fine")
	require.NoError(t, w.host.Rename(t.Context(), id, web.Name+"-old"))
	require.Equal(t, web.Name+"-old", w.get(id).Name)
	require.NoError(t, w.host.Rename(t.Context(), other, web.Name), "the name is free again")
	require.Error(t, w.host.Rename(t.Context(), w.mark+"-none", w.mark+"-new"))
}

func removes(t *testing.T, w *world) {
	id := w.start(ignoringTerm(w.spec("web")))
	w.logged(id, program.Started)
	require.NoError(t, w.host.Remove(t.Context(), id), "a running one too")
	_, listed := w.find(id)
	require.False(t, listed)
	require.NoError(t, w.host.Remove(t.Context(), id))
	require.NoError(t, w.host.Stop(t.Context(), id, time.Second))
	w.create(w.spec("web")) // the name is free again
}

func lists(t *testing.T, w *world) {
	web, db := w.start(w.spec("web")), w.create(w.spec("db"))
	ids := func(labels map[string]string) []string {
		found, err := w.host.List(t.Context(), labels)
		require.NoError(t, err)
		return idsOf(found)
	}
	require.ElementsMatch(t, []string{web, db}, ids(map[string]string{label: w.mark}))
	require.Equal(t, []string{db}, ids(map[string]string{label: w.mark, "part": "db"}))
	require.Empty(t, ids(map[string]string{label: w.mark, "part": "cache"}))
	all, err := w.host.Containers(t.Context())
	require.NoError(t, err)
	require.Subset(t, idsOf(all), []string{web, db})
}

func idsOf(found []catalog.Container) []string {
	var ids []string
	for _, c := range found {
		ids = append(ids, c.ID)
	}
	return ids
}

func networks(t *testing.T, w *world) {
	labels := map[string]string{label: w.mark}
	require.NoError(t, w.host.EnsureNetwork(t.Context(), w.mark, labels))
	require.NoError(t, w.host.EnsureNetwork(t.Context(), w.mark, labels), "one that is there is fine")
	spec := w.spec("web")
	spec.Network, spec.Hostnames = w.mark, []string{"web"}
	id := w.start(spec)
	w.serves(id)
	c := w.get(id)
	require.Len(t, c.Networks, 1)
	require.Equal(t, w.mark, c.Networks[0].Name)

	require.ErrorContains(t, w.host.RemoveNetwork(t.Context(), w.mark), spec.Name)
	require.NoError(t, w.host.Stop(t.Context(), id, time.Second))
	require.ErrorContains(t, w.host.RemoveNetwork(t.Context(), w.mark), spec.Name, "a stopped one needs its network too")
	require.NoError(t, w.host.Remove(t.Context(), id))
	require.NoError(t, w.host.RemoveNetwork(t.Context(), w.mark))
	require.NoError(t, w.host.RemoveNetwork(t.Context(), w.mark), "one that is gone is fine")
}

func restarts(t *testing.T, w *world) {
	once := w.start(exitingWith(w.spec("once"), 3))
	spec := exitingWith(w.spec("again"), 3)
	spec.Restart = "on-failure"
	again := w.start(spec)
	require.Eventually(t, func() bool {
		logs, err := w.host.Logs(t.Context(), again, 100)
		require.NoError(t, err)
		return strings.Count(logs, program.Started) >= 3
	}, patient, often, "it is not started again")
	require.NoError(t, w.host.Stop(t.Context(), again, time.Second))
	w.eventually(again, "stopped for good", func(c catalog.Container) bool { return !c.Running })

	c := w.eventually(once, "ended", func(c catalog.Container) bool { return !c.Running })
	require.Equal(t, 3, c.ExitCode)
	logs := w.logged(once, program.Started)
	require.Equal(t, 1, strings.Count(logs, program.Started))
}

func hints(t *testing.T, w *world) {
	id := w.create(w.spec("web"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes, err := w.host.Changes(ctx)
	require.NoError(t, err)
	require.NoError(t, w.host.Start(t.Context(), id))
	hinted(t, changes)
	settle(changes)
	require.NoError(t, w.host.Stop(t.Context(), id, time.Second))
	hinted(t, changes)
	cancel()
	require.Eventually(t, func() bool {
		select {
		case _, open := <-changes:
			return !open
		default:
			return false
		}
	}, patient, often, "the channel is not closed")
}

func hinted(t *testing.T, changes <-chan struct{}) {
	t.Helper()
	select {
	case _, open := <-changes:
		require.True(t, open, "the channel is closed")
	case <-time.After(patient):
		require.Fail(t, "no change is hinted")
	}
}

// settle takes the hints of what has happened so far.
func settle(changes <-chan struct{}) {
	for {
		select {
		case <-changes:
		case <-time.After(200 * time.Millisecond):
			return
		}
	}
}
