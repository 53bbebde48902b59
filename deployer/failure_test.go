package deployer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/work"
)

func TestFailureSaysTheReasonFirst(t *testing.T) {
	t.Parallel()
	f := &Failure{
		Reason:   "the deployment failed while checking: web-1 on h1 exited with 2; production still points at blue-production",
		Checks:   []FailedCheck{{Instance: "h1:web-1", Node: "h1", Check: "http", Status: catalog.Critical, Output: "HTTP 500:\n::error::boom\n"}},
		Logs:     []work.ContainerLog{{Host: "h1", Container: "web-1", State: "exited with 2", Lines: "\x1b[31mpanic\x1b[0m\n##teamcity[buildStop]\n"}, {Host: "h2", Container: "web-2", State: "is running"}},
		Leftover: errors.New("host h2: gone\nhost h3: gone"),
	}
	require.Equal(t, `the deployment failed while checking: web-1 on h1 exited with 2; production still points at blue-production
check http of h1:web-1 on h1 is critical:
  | HTTP 500:
  | : :error::boom
web-1 on h1 exited with 2, and last wrote:
  | panic
  | # #teamcity[buildStop]
web-2 on h2 is running, and last wrote: (nothing)
not everything could be put back:
  | host h2: gone
  | host h3: gone`, f.Error())
}

func TestFailureWithoutDetails(t *testing.T) {
	t.Parallel()
	f := &Failure{Reason: "somebody moved production"}
	require.Equal(t, "somebody moved production", f.Error())
	require.Empty(t, f.Details())
}

func TestFailureSaysWhatToDoNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		f    Failure
		want string
	}{
		{"pulling", Failure{Stage: catalog.Pulling, Outcome: catalog.Failed, BeforeFlip: true}, "may pull it"},
		{"checking", Failure{Stage: catalog.Checking, Outcome: catalog.Failed, BeforeFlip: true}, "the lines above"},
		{"testing", Failure{Stage: catalog.Testing, Outcome: catalog.Failed, BeforeFlip: true}, "the gate"},
		{"pending", Failure{Stage: catalog.Pending, Outcome: catalog.Failed, BeforeFlip: true}, "nothing was touched"},
		{"flipping", Failure{Stage: catalog.Flipping, Outcome: catalog.Failed, BeforeFlip: true}, "the reason names"},
		{"interrupted", Failure{Stage: catalog.Checking, Outcome: catalog.Aborted, BeforeFlip: true}, "starts afresh"},
		{"lock lost", Failure{Stage: catalog.Checking, Outcome: catalog.Failed, BeforeFlip: true, Err: fmt.Errorf("x: %w", catalog.ErrLockLost)}, "starts afresh"},
		{"superseded", Failure{Stage: catalog.Flipping, Outcome: catalog.Superseded, BeforeFlip: true, Service: "web"}, "`teal status web`"},
		{"rolled back", Failure{Stage: catalog.Baking, Outcome: catalog.RolledBack}, "as a new one"},
		{"rollback failed", Failure{Stage: catalog.Baking, Outcome: catalog.RollbackFailed}, "Look at once: `teal status SERVICE`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := c.f.Next()
			require.Contains(t, next, c.want)
			require.True(t, strings.HasSuffix(next, "."), next)
		})
	}
}
