//go:build integration

package integration

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/hosttest"
	"teal/deployer/hosttest/program"
	"teal/docker"
	"teal/integration/testimage"
)

const hostImage = "teal-test/host:v1"

func hostEngine(t *testing.T) *docker.Engine {
	engine, err := docker.New("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	return engine
}

func TestDockerIsAHost(t *testing.T) {
	testimage.Build(t, hostImage, "teal/integration/testimage/app")
	hosttest.Run(t, func(t *testing.T) hosttest.Host { return hostEngine(t) }, hostImage)
}

// runOnce runs a container to its end and answers what it has written.
func runOnce(t *testing.T, engine *docker.Engine, spec catalog.ContainerSpec) string {
	t.Helper()
	spec.Name, spec.Image = "teal-"+strings.ToLower(filepath.Base(t.Name()))+"-once", hostImage
	spec.Env[program.EnvExit] = "0"
	id := created(t, engine, spec)
	require.NoError(t, engine.Start(t.Context(), id))
	code, err := engine.Wait(t.Context(), id)
	require.NoError(t, err)
	require.Zero(t, code)
	var out bytes.Buffer
	require.NoError(t, engine.Follow(t.Context(), id, -1, &out))
	require.NoError(t, engine.Remove(t.Context(), id))
	return out.String()
}

// created makes a container that goes with the test.
func created(t *testing.T, engine *docker.Engine, spec catalog.ContainerSpec) string {
	t.Helper()
	id, err := engine.Create(t.Context(), spec)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		require.NoError(t, engine.Remove(ctx, id))
	})
	return id
}

func TestDockerPutsFilesWithTheirOwners(t *testing.T) {
	testimage.Build(t, hostImage, "teal/integration/testimage/app")
	said := runOnce(t, hostEngine(t), catalog.ContainerSpec{
		User: "1000:1001",
		Env:  map[string]string{program.EnvShow: "/run/secrets/token /run/secrets/root /run /etc/app.conf"},
		Files: []catalog.File{
			{Path: "/run/secrets/token", Content: []byte("hidden"), Mode: 0o400, UID: 1000, GID: 1001},
			{Path: "/run/secrets/root", Content: []byte("hidden"), Mode: 0o400},
			{Path: "/etc/app.conf", Content: []byte("open"), Mode: 0o644},
		},
	})
	require.Contains(t, said, "file /run/secrets/token -r-------- 1000:1001 hidden\n")
	require.Contains(t, said, "file /run/secrets/root open /run/secrets/root: permission denied\n")
	require.Contains(t, said, "file /etc/app.conf -rw-r--r-- 0:0 open\n")
}

func TestDockerKeepsAContainerFromAllNetworks(t *testing.T) {
	testimage.Build(t, hostImage, "teal/integration/testimage/app")
	engine := hostEngine(t)
	env := map[string]string{program.EnvInterfaces: "1"}
	require.Contains(t, runOnce(t, engine, catalog.ContainerSpec{Env: env}), "interfaces eth0\n", "the test can see them")
	require.Contains(t, runOnce(t, engine, catalog.ContainerSpec{Env: env, Network: catalog.NoNetwork}), "interfaces\n")
}

func TestDockerContainersAnswerToTheirNamesInFurtherNetworks(t *testing.T) {
	testimage.Build(t, hostImage, "teal/integration/testimage/app")
	engine := hostEngine(t)
	for _, network := range []string{"teal-further-one", "teal-further-two"} {
		require.NoError(t, engine.EnsureNetwork(t.Context(), network, nil))
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
			defer cancel()
			require.NoError(t, engine.RemoveNetwork(ctx, network))
		})
	}
	id := created(t, engine, catalog.ContainerSpec{
		Name: "teal-further", Image: hostImage, Network: "teal-further-one", Also: []string{"teal-further-two"}, Hostnames: []string{"shop"},
	})
	require.NoError(t, engine.Start(t.Context(), id))
	require.Eventually(t, func() bool {
		return strings.Contains(runOnce(t, engine, catalog.ContainerSpec{
			Env: map[string]string{program.EnvFetch: "http://shop:8080/"}, Network: "teal-further-two",
		}), "fetched ok\n")
	}, 20*time.Second, 50*time.Millisecond)
}

// startRegistry runs a registry on loopback until the test has ended, and answers
// its host and port.
func startRegistry(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs("../bin/docker-registry")
	require.NoError(t, err)
	if _, err := os.Stat(program); err != nil {
		program, err = exec.LookPath("docker-registry")
		require.NoError(t, err, "run scripts/setup")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	require.NoError(t, os.WriteFile(config, []byte("version: 0.1\nstorage: {filesystem: {rootdirectory: "+dir+"}}\nhttp: {addr: '"+address+"'}\n"), 0o600))
	cmd := exec.Command(program, "serve", config)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		return err == nil && conn.Close() == nil
	}, 20*time.Second, 20*time.Millisecond, "the registry does not listen")
	return address
}

func TestDockerBuildsAndPushes(t *testing.T) {
	engine, registry := hostEngine(t), startRegistry(t)
	repository := registry + "/shop-api"
	tag := repository + ":1.0.0"
	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "deep"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "deep", "Recipe"), []byte(`FROM scratch AS small
ARG CONTENT
LABEL content=$CONTENT
COPY file /file
FROM small
LABEL never=this
`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "file"), []byte(strconv.FormatInt(time.Now().UnixNano(), 10)), 0o600))

	var out bytes.Buffer
	spec := catalog.BuildSpec{
		Context: folder, Dockerfile: "deep/Recipe", Target: "small", Args: map[string]string{"CONTENT": "some text"},
		Labels: map[string]string{"org.opencontainers.image.version": "1.0.0"}, Tags: []string{tag, repository + ":latest"},
	}
	require.NoError(t, engine.Build(t.Context(), spec, &out), &out)
	require.NotEmpty(t, out.String())
	built, err := engine.Image(t.Context(), tag)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), built.Created, time.Minute)
	require.Positive(t, built.Size)
	inspect, err := exec.Command("docker", "image", "inspect", "--format", "{{json .Config.Labels}}", tag).Output()
	require.NoError(t, err)
	require.JSONEq(t, `{"content":"some text","org.opencontainers.image.version":"1.0.0"}`, string(inspect))

	out.Reset()
	pinned, err := engine.Push(t.Context(), tag, &out)
	require.NoError(t, err)
	require.Regexp(t, "^"+repository+"@sha256:[0-9a-f]{64}$", pinned)
	require.Contains(t, out.String(), ": Pushed\n")
	known, err := engine.Images(t.Context(), repository)
	require.NoError(t, err)
	require.Len(t, known, 1)
	require.ElementsMatch(t, spec.Tags, known[0].Tags)
	require.Equal(t, []string{pinned}, known[0].Digests)
	require.Equal(t, built.ID, known[0].ID)

	require.NoError(t, engine.Tag(t.Context(), pinned, registry+"/elsewhere:2"))
	require.NoError(t, engine.RemoveImage(t.Context(), built.ID))
	for _, ref := range append(spec.Tags, pinned, registry+"/elsewhere:2", built.ID) {
		_, err = engine.Image(t.Context(), ref)
		require.ErrorIs(t, err, catalog.ErrNoImage, ref)
	}
	require.ErrorIs(t, engine.Tag(t.Context(), tag, registry+"/elsewhere:2"), catalog.ErrNoImage)
	_, err = engine.Push(t.Context(), tag, &out)
	require.ErrorIs(t, err, catalog.ErrNoImage)

	id, err := engine.Pull(t.Context(), pinned)
	require.NoError(t, err)
	require.Equal(t, built.ID, id, "the digest brings the very image")
	id, err = engine.Pull(t.Context(), tag+pinned[len(repository):])
	require.NoError(t, err)
	require.Equal(t, built.ID, id, "a tag before the digest says nothing")
	_, err = engine.Pull(t.Context(), repository+":never")
	require.ErrorIs(t, err, catalog.ErrNoImage)
	require.NoError(t, engine.RemoveImage(t.Context(), built.ID), "one without a tag too")
	_, err = engine.Image(t.Context(), pinned)
	require.ErrorIs(t, err, catalog.ErrNoImage)
}

func TestABuildThatFailsSaysWhy(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte("FROM scratch\nCOPY nothing /\n"), 0o600))
	var out bytes.Buffer
	err := hostEngine(t).Build(t.Context(), catalog.BuildSpec{Context: folder, Tags: []string{"teal-test/fails:1"}}, &out)
	require.ErrorContains(t, err, "build image teal-test/fails:1")
	require.ErrorContains(t, err, "its output says why")
	require.Contains(t, out.String(), "nothing")
}
