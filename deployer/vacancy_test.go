package deployer_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// onOneHost is a request for a single replica on host a.
func onOneHost(release string) deployer.Request {
	return inProduction(request("good", release), func(env *deployer.Environment) {
		env.Hosts, env.Replicas = []string{"a"}, 1
	})
}

// withStandby is a world in which blue has r1, the standby, and green r2.
func withStandby(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	for _, release := range []string{"r1", "r2"} {
		_, err := w.deployer().Deploy(t.Context(), onOneHost(release))
		require.NoError(t, err)
	}
	return w
}

// TestWhatIsNewIsCreatedWhileTheStandbyEnds: the new database is there before the
// old web part has ended, and nothing new runs before all that is old has.
func TestWhatIsNewIsCreatedWhileTheStandbyEnds(t *testing.T) {
	t.Parallel()
	w := withStandby(t)
	created := make(chan struct{})
	ended := sync.OnceFunc(func() {
		select {
		case <-created:
		case <-time.After(20 * time.Second):
			assert.Fail(t, "the new database was not created meanwhile")
		}
	})
	var began sync.Once
	w.on = func(op, arg string) error {
		switch {
		case op == "stop" && w.in(catalog.Starting):
			ended()
		case op == "create" && arg == "web-production-blue-db-1":
			close(created)
		case op == "start" && w.in(catalog.Starting):
			began.Do(func() {
				for _, name := range w.names("a") {
					assert.False(t, strings.Contains(name, "blue") && !strings.HasPrefix(name, "("), "%s runs when the first new one starts", name)
				}
			})
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), onOneHost("r3"))
	require.NoError(t, err)
}

// TestAStandbyThatCannotEndLeavesNothingNew: what was created meanwhile goes, and
// the standby comes back under its name.
func TestAStandbyThatCannotEndLeavesNothingNew(t *testing.T) {
	t.Parallel()
	w := withStandby(t)
	before := w.names("a")
	var once sync.Once
	w.on = func(op, _ string) (err error) {
		if op == "stop" && w.in(catalog.Starting) {
			once.Do(func() { err = errors.New("it does not end") })
		}
		return err
	}
	_, err := w.deployer().Deploy(t.Context(), onOneHost("r3"))
	f := failure(t, err)
	require.True(t, f.BeforeFlip)
	require.Contains(t, f.Reason, "it does not end")
	require.NoError(t, f.Leftover)
	require.ElementsMatch(t, before, w.names("a"))
}

// TestWhoNeverStartedIsNotToBlame: only the part that failed shows its log, not
// those that had to wait for it.
func TestWhoNeverStartedIsNotToBlame(t *testing.T) {
	t.Parallel()
	w := newWorld()
	req := onOneHost("r1")
	req.Spec.Timeout = 20 * time.Millisecond
	req.Spec.Parts[0].Image = "crash"
	req.Spec.Parts[1].After = []deployer.Dependency{{Part: "db", Condition: deployer.Healthy}}
	_, err := w.deployer().Deploy(context.WithoutCancel(t.Context()), req)
	f := failure(t, err)
	require.Len(t, f.Logs, 1)
	require.Equal(t, "web-production-blue-db-1", f.Logs[0].Container)
}
