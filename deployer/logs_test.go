package deployer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/deployer"
)

// lines gathers log lines.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(one deployer.LogLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, one.Host+" "+one.Container+": "+one.Text)
}

func (l *lines) from(container string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, line := range l.all {
		if strings.Contains(line, container) {
			n++
		}
	}
	return n
}

func TestLogsOfWhatIsLive(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2", "r3")
	read := func(req deployer.LogRequest) ([]string, error) {
		var l lines
		req.Service = "web"
		err := w.deployer().Logs(t.Context(), req, l.add)
		return l.all, err
	}
	all, err := read(deployer.LogRequest{Environment: "production"})
	require.NoError(t, err)
	require.Len(t, all, 6, "live on both hosts; what is kept says nothing")
	for _, line := range all {
		require.Contains(t, line, "web-production-blue-")
		require.Contains(t, line, ": log of ")
	}
	all, err = read(deployer.LogRequest{Target: green})
	require.NoError(t, err)
	require.Contains(t, all[0], "web-production-green-db-1: log of ")

	w.on = func(op, arg string) error {
		if op == "list" && arg == "a" {
			return errors.New("it is off")
		}
		return nil
	}
	all, err = read(deployer.LogRequest{Environment: "production"})
	require.NoError(t, err, "the other host tells")
	require.Len(t, all, 3)
	w.on = func(op, _ string) error {
		if op == "list" {
			return errors.New("it is off")
		}
		return nil
	}
	_, err = read(deployer.LogRequest{Environment: "production"})
	require.ErrorContains(t, err, "host a can't be seen: it is off")
	_, err = read(deployer.LogRequest{Environment: "integration"})
	require.ErrorContains(t, err, "integration of web points at nothing yet")
	_, err = newWorld().deployer().Status(t.Context(), "web")
	require.Error(t, err)
}

func TestLogsFollowTheFlip(t *testing.T) {
	w := twoReleases(t)
	ctx, cancel := context.WithCancel(t.Context())
	var l lines
	done := make(chan error, 1)
	go func() {
		done <- w.deployer().Logs(ctx, deployer.LogRequest{Service: "web", Environment: "production", Lines: 1, Follow: true}, l.add)
	}()
	require.Eventually(t, func() bool { return l.from("green") >= 6 }, 10*time.Second, 5*time.Millisecond)
	require.Zero(t, l.from("blue"))
	_, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return l.from("blue") >= 6 }, 10*time.Second, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	l.mu.Lock()
	defer l.mu.Unlock()
	require.False(t, slices.ContainsFunc(l.all, func(line string) bool { return strings.HasSuffix(line, ": ") }))
}
