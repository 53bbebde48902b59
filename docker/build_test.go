package docker

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestBuildArgs(t *testing.T) {
	require.Equal(t, []string{"build", "--tag", "shop:1", "--", "/src"}, buildArgs(catalog.BuildSpec{Context: "/src", Tags: []string{"shop:1"}}, nil))
	require.Equal(t, []string{
		"build", "--file", "/src/deep/Recipe", "--target", "small", "--build-arg", "A=1", "--build-arg", "B=", "--build-arg", "TOKEN",
		"--label", "k=v w", "--label", "l=", "--tag", "shop:1", "--tag", "shop:2", "--", "/src",
	}, buildArgs(catalog.BuildSpec{
		Context: "/src", Dockerfile: "deep/Recipe", Target: "small", Args: map[string]string{"B": "", "A": "1", "TOKEN": "secret"},
		Labels: map[string]string{"l": "", "k": "v w"}, Tags: []string{"shop:1", "shop:2"},
	}, map[string]bool{"TOKEN": true}))
	require.Contains(t, buildArgs(catalog.BuildSpec{Context: "/src", Dockerfile: "/else/Recipe"}, nil), "/else/Recipe")
}

func TestBuildArgumentsAreHidden(t *testing.T) {
	environ := []string{"PATH=/bin", "NPM_TOKEN=secret"}
	env, hidden := hideArgs(environ, map[string]string{
		"NPM_TOKEN": "secret", "VERSION": "1", "PATH": "/sbin", "HTTP_PROXY": "p", "https_proxy": "p", "DOCKER_HOST": "x", "EMPTY": "",
	})
	require.Equal(t, []string{"PATH=/bin", "NPM_TOKEN=secret", "EMPTY=", "VERSION=1"}, env)
	for _, name := range []string{"NPM_TOKEN", "VERSION", "EMPTY"} {
		require.True(t, hidden[name], name)
	}
	for _, name := range []string{"PATH", "HTTP_PROXY", "https_proxy", "DOCKER_HOST"} {
		require.False(t, hidden[name], "%s would change what the command line does", name)
	}
}

func TestABuildIsToldItsArguments(t *testing.T) {
	engine := fakeCLI(t, `echo "$@"; echo "token $TOKEN"`)
	var out bytes.Buffer
	require.NoError(t, engine.Build(t.Context(), catalog.BuildSpec{Context: "/src", Args: map[string]string{"TOKEN": "secret"}}, &out))
	require.Equal(t, "build --build-arg TOKEN -- /src\ntoken secret\n", out.String())
}

// fakeCLI puts a script in the place of Docker's command line.
func fakeCLI(t *testing.T, script string) *Engine {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script), 0o700))
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	t.Setenv("DOCKER_HOST", "unix:///elsewhere.sock")
	t.Setenv("DOCKER_CONTEXT", "elsewhere")
	return fakeEngine(t, nil)
}

func TestABuildSpeaksToTheEngine(t *testing.T) {
	engine := fakeCLI(t, `echo "host $DOCKER_HOST context $DOCKER_CONTEXT"; echo "$@" >&2`)
	var out bytes.Buffer
	require.NoError(t, engine.Build(t.Context(), catalog.BuildSpec{Context: "/src", Tags: []string{"shop:1"}}, &out))
	require.Equal(t, "host "+engine.Name()+" context \nbuild --tag shop:1 -- /src\n", out.String())
}

func TestABuildThatFails(t *testing.T) {
	spec := catalog.BuildSpec{Context: "/src", Tags: []string{"shop:1"}}
	var out bytes.Buffer
	err := fakeCLI(t, "echo no; exit 3").Build(t.Context(), spec, &out)
	require.ErrorContains(t, err, "build image shop:1")
	require.ErrorContains(t, err, "exit status 3")
	require.Equal(t, "no\n", out.String())

	engine := fakeCLI(t, "exec sleep 1000")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, engine.Build(ctx, spec, &out), context.Canceled)

	t.Setenv("PATH", t.TempDir())
	err = engine.Build(t.Context(), spec, &out)
	require.ErrorContains(t, err, "command line is not on this machine's PATH")
	require.ErrorContains(t, err, "install it")
}
