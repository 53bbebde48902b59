package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/client"

	"teal/catalog"
)

// cli is Docker's command line. It knows how to build, which the engine's own API
// does only in the old way.
const cli = "docker"

// buildGrace is how long the command line may take to end once it was asked to.
const buildGrace = 10 * time.Second

// Build builds an image on the engine with the Docker command line of this
// machine, whose output is copied to out as it comes. Out is written to by one
// goroutine at a time.
func (e *Engine) Build(ctx context.Context, b catalog.BuildSpec, out io.Writer) error {
	what := strings.Join(b.Tags, ", ")
	program, err := exec.LookPath(cli)
	if err != nil {
		return fmt.Errorf("build image %s: the Docker command line is not on this machine's PATH (%w); install it, or build and push the image elsewhere and deploy that", what, err)
	}
	env, hidden := hideArgs(e.cliEnv(os.Environ()), b.Args)
	cmd := exec.CommandContext(ctx, program, buildArgs(b, hidden)...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = buildGrace
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("build image %s on %s: %w", what, e.endpoint, ctx.Err())
	case errors.As(err, new(*exec.ExitError)):
		return fmt.Errorf("build image %s on %s: docker build has failed (%w); its output says why", what, e.endpoint, err)
	}
	return fmt.Errorf("build image %s on %s: %w", what, e.endpoint, err)
}

// hideArgs puts build arguments into the environment of the command line, which
// everybody on this machine can read otherwise, and names those that are there.
// What the environment has with another value, and what the command line reads
// for itself, is left out.
func hideArgs(environ []string, args map[string]string) (env []string, hidden map[string]bool) {
	has := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		has[name] = value
	}
	env, hidden = slices.Clone(environ), map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		switch there, known := has[name]; {
		case known:
			hidden[name] = there == args[name]
		case !isRead(name):
			env, hidden[name] = append(env, name+"="+args[name]), true
		}
	}
	return env, hidden
}

// isRead tells whether the command line reads a variable for itself.
func isRead(name string) bool {
	name = strings.ToUpper(name)
	for _, begin := range []string{
		"DOCKER", "BUILDKIT", "BUILDX", "COMPOSE", "OTEL", "GO", "LD_", "SSL_", "TMP", "TEMP", "XDG_", "HOME", "PATH", "SSH_", "GIT_", "AWS_", "GOOGLE_", "AZURE_",
	} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return strings.HasSuffix(name, "_PROXY")
}

// buildArgs is the command line of a build. The values of hidden arguments are in
// its environment. Equal specs give equal lines.
func buildArgs(b catalog.BuildSpec, hidden map[string]bool) []string {
	args := []string{"build"}
	if b.Dockerfile != "" {
		file := b.Dockerfile
		if !filepath.IsAbs(file) {
			file = filepath.Join(b.Context, file)
		}
		args = append(args, "--file", file)
	}
	if b.Target != "" {
		args = append(args, "--target", b.Target)
	}
	for _, name := range slices.Sorted(maps.Keys(b.Args)) {
		arg := name
		if !hidden[name] {
			arg += "=" + b.Args[name]
		}
		args = append(args, "--build-arg", arg)
	}
	for _, name := range slices.Sorted(maps.Keys(b.Labels)) {
		args = append(args, "--label", name+"="+b.Labels[name])
	}
	for _, tag := range b.Tags {
		args = append(args, "--tag", tag)
	}
	return append(args, "--", b.Context)
}

// cliEnv points the command line at the engine, whatever context it is set to.
func (e *Engine) cliEnv(environ []string) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return name == client.EnvOverrideHost || name == "DOCKER_CONTEXT"
	})
	return append(env, client.EnvOverrideHost+"="+e.endpoint)
}
