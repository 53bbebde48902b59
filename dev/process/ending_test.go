package process_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/hosttest/program"
	"teal/dev/process"
)

// asPlatform makes this test binary a program that runs a platform, to be
// killed.
const asPlatform = "platform"

// platformMain runs a platform with one process, whose port it tells, until it
// is killed.
func platformMain() int {
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	p := process.New(process.Options{Images: map[string]process.Image{image: {Command: []string{self, asProgram}}}})
	ctx := context.Background()
	go func() { _ = p.Run(ctx) }()
	id, err := p.Create(ctx, catalog.ContainerSpec{Name: "web", Image: image, Ports: []catalog.Port{{Private: 80}}, Env: map[string]string{program.EnvIgnore: "1"}})
	if err != nil {
		return 1
	}
	if err := p.Start(ctx, id); err != nil {
		return 1
	}
	endThreads()
	all, _ := p.Containers(ctx)
	fmt.Println(all[0].Ports[0].Host)
	select {}
}

// endThreads ends threads of this program, as Go does when it likes: one ends with
// each goroutine that is still locked to it. The process must not go with them.
func endThreads() {
	var ended sync.WaitGroup
	for range 100 {
		ended.Go(runtime.LockOSThread)
	}
	ended.Wait()
}

func listening(port int) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	return err == nil && conn.Close() == nil
}

func TestNothingOutlivesAKilledPlatform(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, asPlatform)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	port, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return listening(port) }, 10*time.Second, 10*time.Millisecond)

	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait() // it was killed
	require.Eventually(t, func() bool { return !listening(port) }, 10*time.Second, 10*time.Millisecond)
}

func TestTheEndOfThePlatformEndsItsProcesses(t *testing.T) {
	p := process.New(process.Options{Images: images(t), Grace: 200 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	var ports []int
	for _, env := range []map[string]string{nil, {program.EnvIgnore: "1"}} {
		spec := catalog.ContainerSpec{Name: fmt.Sprint("web", len(ports)), Image: image, Env: env, Restart: "always", Ports: []catalog.Port{{Private: 80}}}
		id, err := p.Create(t.Context(), spec)
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), id))
		all, err := p.List(t.Context(), nil)
		require.NoError(t, err)
		port := all[len(ports)].Ports[0].Host
		ports = append(ports, port)
		require.Eventually(t, func() bool { return listening(port) }, 10*time.Second, 10*time.Millisecond)
	}
	changes, err := p.Changes(t.Context())
	require.NoError(t, err)
	cancel()
	require.NoError(t, <-done)
	for _, port := range ports {
		require.False(t, listening(port))
	}
	require.Eventually(t, func() bool {
		select {
		case _, open := <-changes:
			return !open
		default:
			return false
		}
	}, 20*time.Second, 10*time.Millisecond, "the channel is not closed")
	require.ErrorContains(t, p.Ping(t.Context()), "has ended")
	require.ErrorContains(t, p.Start(t.Context(), "web0"), "has ended")
	_, err = p.Changes(t.Context())
	require.ErrorContains(t, err, "has ended")
}

func TestAStartWaitsForTheRun(t *testing.T) {
	p := process.New(process.Options{Images: images(t)})
	id, err := p.Create(t.Context(), catalog.ContainerSpec{Name: "web", Image: image})
	require.NoError(t, err)
	brief, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Start(brief, id), context.DeadlineExceeded)

	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	require.Eventually(t, func() bool {
		return p.Start(t.Context(), id) == nil && running(t, p)
	}, 10*time.Second, 10*time.Millisecond)
	end()
	require.NoError(t, <-done)
	require.False(t, running(t, p))
}

func running(t *testing.T, p *process.Platform) bool {
	t.Helper()
	all, err := p.Containers(t.Context())
	require.NoError(t, err)
	return len(all) == 1 && all[0].Running
}

func TestAnUnknownImageNamesTheKnown(t *testing.T) {
	p := newPlatform(t)
	_, err := p.Pull(t.Context(), "demo:v9")
	require.ErrorContains(t, err, "pull image demo:v9")
	require.ErrorContains(t, err, "local processes know hosttest:v1")
}

func TestACommandThatCannotRunIsTold(t *testing.T) {
	p := process.New(process.Options{Images: map[string]process.Image{"bad": {Command: []string{"/no/such/program"}}, "empty": {}}})
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for name, want := range map[string]string{"bad": "/no/such/program", "empty": "no command"} {
		id, err := p.Create(t.Context(), catalog.ContainerSpec{Name: name, Image: name, Restart: "always"})
		require.NoError(t, err)
		require.ErrorContains(t, p.Start(t.Context(), id), want)
	}
	require.ErrorContains(t, p.Start(t.Context(), "bad"), "/no/such/program", "it may be tried again")
	end()
	require.NoError(t, <-done)
}

func TestTheEnvironment(t *testing.T) {
	t.Setenv("CONSUL_HTTP_ADDR", "leaks")
	p := process.New(process.Options{Images: map[string]process.Image{"env": {Command: []string{"/usr/bin/env"}, Env: map[string]string{"A": "image", "B": "image"}}}})
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	id, err := p.Create(t.Context(), catalog.ContainerSpec{
		Name: "env", Image: "env", Env: map[string]string{"B": "own", "PORT": "1"},
		Ports: []catalog.Port{{Private: 80}, {Private: 53, Protocol: "udp"}},
	})
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), id))
	var logs string
	require.Eventually(t, func() bool {
		logs, err = p.Logs(t.Context(), id, 100)
		return err == nil && strings.Contains(logs, "PORT_80=")
	}, 10*time.Second, 10*time.Millisecond)
	end()
	require.NoError(t, <-done)
	lines := strings.Split(logs, "\n")
	require.Contains(t, lines, "A=image")
	require.Contains(t, lines, "B=own")
	require.Contains(t, logs, "PORT_53=")
	require.NotContains(t, lines, "PORT=1", "the free port takes its place")
	require.NotContains(t, logs, "CONSUL_HTTP_ADDR")
}

func TestWhatAProcessHasStartedEndsWithIt(t *testing.T) {
	p := process.New(process.Options{Images: map[string]process.Image{"shell": {Command: []string{"/bin/sh", "-c", "sleep 1000 & echo $!"}}}})
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	id, err := p.Create(t.Context(), catalog.ContainerSpec{Name: "shell", Image: "shell"})
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), id))
	require.Eventually(t, func() bool { return !running(t, p) }, 10*time.Second, 10*time.Millisecond)
	logs, err := p.Logs(t.Context(), id, 1)
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(logs))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !alive(child) }, 10*time.Second, 10*time.Millisecond)
	end()
	require.NoError(t, <-done)
}

// alive tells whether a process runs; one that has ended but that nobody has
// asked about does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
