package deployer_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// tasked is a request to bring up r3 with two tasks.
func tasked() deployer.Request {
	req := request("good", "r3")
	req.Spec.Parts[1].Env = map[string]string{"DB": "shop"}
	req.Spec.Parts[1].Files = map[string][]catalog.File{"": {{Path: "/run/secrets/token", Content: []byte("x")}}}
	req.Spec.Parts[1].Healthcheck = &catalog.Healthcheck{Test: []string{catalog.HealthcheckNone}}
	req.Spec.Tasks = []servicefile.Task{
		{Name: "expand", Command: []string{"migrate", "up"}, Reversible: true, Undo: []string{"migrate", "down"}, Timeout: time.Second},
		{Name: "fill", Command: []string{"fill"}, Reversible: true, Timeout: time.Second},
	}
	return req
}

// ran are the commands of the tasks that were started, by host.
func (w *world) ran(image string) (commands []string) {
	for n := 1; n <= w.created; n++ {
		for _, h := range []string{"a", "b"} {
			if spec, ok := w.specs[hostID(h, n)]; ok && spec.Labels[catalog.LabelTask] != "" && spec.Image == image {
				commands = append(commands, h+": "+spec.Entrypoint[0]+" "+argument(spec.Command))
			}
		}
	}
	return commands
}

func TestTasksRunOnce(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	var recorded []catalog.TaskRun
	w.on = func(op, arg string) error {
		if op == "create" && arg == "web-production-blue-task-fill" {
			recorded = w.last(t).Tasks
		}
		return nil
	}
	d, err := w.deployer().Deploy(t.Context(), tasked())
	require.NoError(t, err)
	require.Equal(t, []string{"a: migrate up", "a: fill "}, w.ran("good"))
	require.Len(t, recorded, 2, "that it begins is recorded before")
	require.NotZero(t, recorded[0].Ended)
	require.Zero(t, recorded[1].Ended)
	require.NotZero(t, d.Tasks[1].Ended)
	for _, spec := range w.specs {
		if spec.Labels[catalog.LabelTask] == "fill" {
			require.Equal(t, "shop", spec.Env["DB"])
			require.Equal(t, "/run/secrets/token", spec.Files[0].Path)
			require.Equal(t, "web-production-blue", spec.Network)
			require.Empty(t, spec.Ports)
			require.Nil(t, spec.Healthcheck, "it does not serve as its part does")
		}
	}
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"), "the tasks' containers are gone")
}

func TestTaskThatFailsUndoesTheEarlierOnes(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.exits["web-production-blue-task-fill"] = 4
	_, err := w.deployer().Deploy(t.Context(), tasked())
	f := failure(t, err)
	require.Equal(t, catalog.Failed, f.Outcome)
	require.Contains(t, f.Reason, `task fill ended with 4; it last wrote: "log of`)
	require.Equal(t, []string{"a: migrate up", "a: fill ", "a: migrate down"}, w.ran("good"))
	require.NotZero(t, w.last(t).Tasks[0].Undone)
	assertLiveUntouched(t, w)
}

func TestInterruptedTaskLeavesNoContainer(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	ctx, stop := context.WithCancel(t.Context())
	waits := 0
	w.on = func(op, _ string) error {
		if op != "wait" {
			return nil
		}
		if waits++; waits == 2 {
			stop()
			return context.Canceled
		}
		return nil
	}
	_, err := w.deployer().Deploy(ctx, tasked())
	require.Equal(t, catalog.Aborted, failure(t, err).Outcome)
	require.Equal(t, "a: migrate down", w.ran("good")[2])
	assertLiveUntouched(t, w)
}

func TestNextRunEndsTheTaskOfADeadDeployer(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	var died atomic.Bool
	w.on = func(op, _ string) error {
		if died.Load() || op == "wait" && len(w.ran("good")) == 2 {
			died.Store(true)
			return errKilled
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), tasked())
	require.Error(t, err)
	w.bury()
	require.Contains(t, w.names("a"), "web-production-blue-task-fill=", "it runs on")

	req := tasked()
	req.Release, req.Spec.Timeout = "r4", 20*time.Millisecond
	req.Spec.Parts[1].Image = "sick"
	_, err = w.deployer().Deploy(t.Context(), req)
	require.NoError(t, failure(t, err).Leftover)
	require.Equal(t, []string{"a: migrate down"}, w.ran("sick"), "undone as the file has it")
	assertLiveUntouched(t, w)
}

func TestTestContainerWithoutACommand(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := request("good", "r3")
	req.Spec.Gates.Test = &servicefile.TestCommand{Image: "tester", Timeout: time.Second}
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
}

func hostID(host string, n int) string { return fmt.Sprintf("%s-%d", host, n) }

func argument(command []string) string { return strings.Join(command, " ") }

// TestATaskIsUndoneOnceBehindADeadCanary has a deployer die while a part of the users
// is with the new release, and the next run die as soon as it has undone the task.
func TestATaskIsUndoneOnceBehindADeadCanary(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	req := canaried(2 * time.Millisecond)
	req.Spec.Tasks = tasked().Spec.Tasks[:1]
	w.watchAlias("blue-production=5,green-production=95", func() { w.on = func(string, string) error { return errKilled } })
	_, err := w.deployer().Deploy(t.Context(), req)
	require.Error(t, err)
	dead := w.last(t)
	w.bury()
	require.Equal(t, catalog.Flipping, dead.State)

	w.on = func(op, arg string) error {
		if op == "remove" && strings.HasSuffix(arg, "-web-1") {
			return errKilled
		}
		return nil
	}
	_, _ = w.deployer().Deploy(t.Context(), req)
	w.bury()
	require.NotZero(t, w.deployments[dead.ID].Tasks[0].Undone)

	w.failing(blue, 0)
	_, err = w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(strings.Join(w.ran("good"), " "), "migrate down"))
}
