package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/work"
)

// env is an environment of given variables.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		for n := 0; n < len(pairs); n += 2 {
			if pairs[n] == name {
				return pairs[n+1]
			}
		}
		return ""
	}
}

// clock is a time that goes on when it is told to.
type clock struct{ at time.Time }

func newClock() *clock                { return &clock{at: time.Unix(1_700_000_000, 0)} }
func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }
func entered(s catalog.DeploymentState, text string) deployer.Event {
	return deployer.Event{Kind: deployer.Entered, State: s, Service: "web", Text: text}
}

func stepped(host, container, text string) deployer.Event {
	return deployer.Event{Kind: deployer.Step, Service: "web", Host: host, Container: container, Text: text}
}

// failure is a deployment that failed while checking.
func failure() *deployer.Failure {
	return &deployer.Failure{
		Stage: catalog.Checking, Outcome: catalog.Failed, Deployment: "d1", Service: "web", BeforeFlip: true,
		Reason: "the deployment failed while checking: web-1 on h1 exited with \x1b[7m2\n100% lost",
		Checks: []deployer.FailedCheck{{Instance: "i1", Node: "h1", Check: "http", Status: catalog.Critical, Output: "::error::HTTP 500"}},
		Logs:   []work.ContainerLog{{Host: "h1", Container: "web-1", State: "exited with 2", Lines: "\x1b[31mpanic\x1b[0m\n##teamcity[buildStop]"}},
	}
}

func TestChooseOutput(t *testing.T) {
	t.Parallel()
	xterm := []string{"TERM", "xterm"}
	for name, c := range map[string]struct {
		flags    outputFlags
		terminal bool
		env      []string
		want     outputKind
	}{
		"terminal":          {terminal: true, env: xterm, want: outputLive},
		"pipe":              {env: xterm, want: outputFolded},
		"CI with a pty":     {terminal: true, env: append([]string{"CI", "true"}, xterm...), want: outputFolded},
		"dumb":              {terminal: true, env: []string{"TERM", "dumb"}, want: outputFolded},
		"no TERM":           {terminal: true, want: outputFolded},
		"plain":             {flags: outputFlags{plain: true}, terminal: true, env: xterm, want: outputPlain},
		"JSON":              {flags: outputFlags{asJSON: true}, terminal: true, env: xterm, want: outputJSON},
		"JSON before plain": {flags: outputFlags{asJSON: true, plain: true}, want: outputJSON},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, chooseOutput(c.flags, c.terminal, env(c.env...))) })
	}
}

func TestFolding(t *testing.T) {
	t.Parallel()
	at := time.Unix(1700000000, 0)
	for name, c := range map[string]struct {
		env                  []string
		opened, closed, fail string
	}{
		"github": {
			[]string{"CI", "true", "GITHUB_ACTIONS", "true"},
			"::group::checking: web; twice\n", "::endgroup::\n", "::error title=teal::50%25 [lost]%0A'x'\n",
		},
		"gitlab": {
			[]string{"GITLAB_CI", "true"},
			"\x1b[0Ksection_start:1700000000:teal_1_checking\r\x1b[0Kchecking: web; twice\n",
			"\x1b[0Ksection_end:1700000000:teal_1_checking\r\x1b[0K\n", "teal: 50% [lost]\n'x'\n",
		},
		"teamcity": {
			[]string{"TEAMCITY_VERSION", "2025.03"},
			"##teamcity[blockOpened name='teal_1_checking' description='checking: web|ntwice']\n", "##teamcity[blockClosed name='teal_1_checking']\n",
			"##teamcity[message text='teal: 50% |[lost|]|n|'x|'' status='ERROR']\n",
		},
		"azure": {[]string{"TF_BUILD", "True"}, "##[group]checking: web; twice\n", "##[endgroup]\n", "##[error]teal: 50% [lost]; 'x'\n"},
		"none":  {[]string{"CI", "true"}, "", "", "teal: 50% [lost]\n'x'\n"},
	} {
		t.Run(name, func(t *testing.T) {
			fold := foldingOf(env(c.env...))
			require.Equal(t, c.opened, fold.open("teal_1_checking", "checking: web\ntwice", at))
			require.Equal(t, c.closed, fold.close("teal_1_checking", at))
			require.Equal(t, c.fail, fold.fail("50% [lost]\n'x'"))
		})
	}
}

func TestLinesInGroups(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := newClock()
	l := newLines(&out, &out, githubFolding{}, c.now)
	l.event(entered(catalog.Pulling, "pulling images"))
	c.pass(1250 * time.Millisecond)
	l.event(stepped("h1", "", "pulled web:1"))
	l.event(entered(catalog.Checking, "checking green-production of web"))
	l.event(deployer.Event{Kind: deployer.Note, Text: "h2 is slow"})
	l.event(entered(catalog.Failed, "the reason"))
	err := l.failed(fmt.Errorf("deploy: %w", failure()))
	require.Equal(t, `::group::pulling: pulling images
   0.00s  pulling    pulling images
   1.25s             h1: pulled web:1
::endgroup::
::group::checking: checking green-production of web
   1.25s  checking   checking green-production of web
   1.25s  note       h2 is slow
::endgroup::
   1.25s  failed     
::error title=teal::the deployment failed while checking: web-1 on h1 exited with 2%0A100%25 lost

check http of i1 on h1 is critical:
  | : :error::HTTP 500
web-1 on h1 exited with 2, and last wrote:
  | panic
  | # #teamcity[buildStop]

Next: Mend what the lines above tell of, then run the same command again. Nobody was sent to this release.
`, out.String())
	require.ErrorIs(t, err, errQuiet)
	require.Equal(t, exitUntouched, exitCode(err))
	l.close()
}

func TestLinesOfSeveralServicesNameThem(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := newLines(&out, &out, unfolded{}, newClock().now)
	l.event(entered(catalog.Pulling, "pulling images"))
	other := stepped("", "", "2 of 2 instances pass")
	other.Service = "shop"
	l.event(other)
	l.done(catalog.Deployment{State: catalog.Succeeded, Service: "web", Release: "1", Environment: "production", Target: catalog.Target{Environment: "production"}})
	l.close()
	require.Equal(t, "   0.00s  pulling    pulling images\n   0.00s             shop: 2 of 2 instances pass\n   0.00s             web 1 is live in production as production\n", out.String())
}

// written is what was written so far, while somebody else writes on.
type written struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out written
		l := newLines(&out, &out, unfolded{}, time.Now)
		l.event(entered(catalog.Checking, "checking web"))
		time.Sleep(10 * time.Second)
		l.event(stepped("", "", "1 of 2 instances pass"))
		time.Sleep(heartbeat - heartbeatLook/2)
		synctest.Wait()
		require.NotContains(t, out.String(), "still")
		time.Sleep(2 * heartbeat)
		synctest.Wait()
		require.Equal(t, 2, strings.Count(out.String(), "still checking; last: 1 of 2 instances pass\n"), out.String())
		l.done(catalog.Deployment{State: catalog.Succeeded})
		time.Sleep(2 * heartbeat)
		synctest.Wait()
		require.Equal(t, 2, strings.Count(out.String(), "still"), "nothing is waited for")
		l.close()
	})
}

func TestHeartbeatOfAStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out written
		l := newLines(&out, &out, unfolded{}, time.Now)
		l.begin("build", "step 2 of 11: build")
		time.Sleep(heartbeat + heartbeatLook)
		synctest.Wait()
		require.Regexp(t, `build +still at it, 1[56]s into this step\n`, out.String())
		l.say("build", "#7 RUN go build")
		time.Sleep(heartbeat + heartbeatLook)
		synctest.Wait()
		require.Regexp(t, `build +still at it, 3[0-2]s into this step; last: #7 RUN go build\n`, out.String())
		l.end()
		said := out.String()
		time.Sleep(2 * heartbeat)
		synctest.Wait()
		require.Equal(t, said, out.String(), "nothing goes on")

		l.begin("deploy", "step 6 of 11: deploy")
		l.event(entered(catalog.Checking, "checking web"))
		time.Sleep(heartbeat + heartbeatLook)
		synctest.Wait()
		require.Regexp(t, `deploy +still checking, 1[56]s into this step\n`, out.String())
		l.event(entered(catalog.Succeeded, "web is live"))
		time.Sleep(heartbeat + heartbeatLook)
		synctest.Wait()
		require.Regexp(t, `deploy +still at it, 3[0-2]s into this step\n`, out.String())
		l.end()
		l.close()
	})
}

func TestStepsInGroups(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := newLines(&out, &out, githubFolding{}, newClock().now)
	l.begin("promote", "step 8 of 11: promote")
	l.event(stepped("", "", "copied to registry.example/web"))
	l.event(entered(catalog.Pulling, "pulling images"))
	l.event(entered(catalog.Succeeded, "web is live"))
	l.say("promote", "release 1.4 is live")
	l.end()
	l.begin("prune", "step 10 of 11: prune")
	l.close()
	require.Equal(t, `::group::step 8 of 11: promote
   0.00s             copied to registry.example/web
::endgroup::
::group::pulling: pulling images
   0.00s  pulling    pulling images
::endgroup::
   0.00s  succeeded  web is live
   0.00s  promote    release 1.4 is live
::group::step 10 of 11: prune
::endgroup::
`, out.String())
}

func TestFailuresThatWentTogether(t *testing.T) {
	t.Parallel()
	other := &deployer.Failure{Reason: "shop gave way", BeforeFlip: true, Stage: catalog.Checking}
	reason, rest := failureWords(fmt.Errorf("x: %w", errors.Join(failure(), other)))
	require.Equal(t, "the deployment failed while checking: web-1 on h1 exited with 2\n100% lost\nshop gave way", reason)
	require.Contains(t, rest, "check http of i1")

	reason, rest = failureWords(errors.New("read \x1b[1mfile"))
	require.Equal(t, "read file", reason)
	require.Empty(t, rest)
}

func TestConclusion(t *testing.T) {
	t.Parallel()
	d := catalog.Deployment{Service: "web", Release: "1.4", Environment: "production", Target: catalog.Target{Colour: catalog.Green, Environment: "production"}}
	for state, want := range map[catalog.DeploymentState]string{
		catalog.Succeeded:        "web 1.4 is live in production as green-production",
		catalog.AwaitingApproval: "web 1.4 waits for approval; `teal approve web production` lets it go on",
		catalog.RolledBack:       "web 1.4 in production is rolled-back",
	} {
		d.State = state
		require.Equal(t, want, conclusion(d))
	}
	d.State, d.Approval = catalog.AwaitingApproval, &catalog.Approval{Until: time.Now()}
	require.Contains(t, conclusion(d), "waits for approval until ")
}

// decoded are the lines of --json.
func decoded(t *testing.T, out string) []jsonLine {
	t.Helper()
	var all []jsonLine
	for line := range strings.Lines(out) {
		var one jsonLine
		require.NoError(t, json.Unmarshal([]byte(line), &one), line)
		all = append(all, one)
	}
	return all
}

func TestJSONOutput(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	o := &jsonOutput{out: &out, now: newClock().now}
	e := stepped("h1", "web-1", "started")
	e.Target, e.Release, e.Health = catalog.Target{Colour: catalog.Green, Environment: "production"}, "1.4", catalog.Passing
	o.event(e)
	o.say("note", "a %s", "word")
	o.done(catalog.Deployment{State: catalog.Succeeded, Service: "web", Release: "1.4", Environment: "production"})
	o.close()
	all := decoded(t, out.String())
	require.Len(t, all, 3)
	require.Equal(t, jsonLine{
		At: newClock().at.UTC(), Kind: "step", Service: "web", Target: "green-production", Release: "1.4",
		Host: "h1", Container: "web-1", Health: catalog.Passing, Text: "started",
	}, all[0])
	require.Equal(t, "note: a word", all[1].Text)
	require.Equal(t, "outcome", all[2].Kind)
	require.Equal(t, exitDone, *all[2].Exit)
	require.Equal(t, "web", all[2].Record.Service)
	require.Nil(t, all[2].Failure)
}

func TestJSONOutputOfWhatAwaitsApproval(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	o := &jsonOutput{out: &out, now: newClock().now}
	o.done(catalog.Deployment{State: catalog.AwaitingApproval, Service: "web"})
	all := decoded(t, out.String())
	require.Equal(t, exitAwaiting, *all[0].Exit)
	require.Equal(t, "web", all[0].Record.Service)
}

func TestJSONOutputOfAFailure(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	o := &jsonOutput{out: &out, now: newClock().now}
	err := o.failed(failure())
	require.NotErrorIs(t, err, errQuiet, "standard error tells it to people")
	all := decoded(t, out.String())
	require.Len(t, all, 1)
	require.Equal(t, exitUntouched, *all[0].Exit)
	require.Equal(t, catalog.Failed, all[0].State)
	f := all[0].Failure
	require.True(t, f.Untouched)
	require.Equal(t, catalog.Checking, f.Stage)
	require.Equal(t, []jsonCheck{{"i1", "h1", "http", catalog.Critical, ": :error::HTTP 500"}}, f.Checks)
	require.Equal(t, "panic\n# #teamcity[buildStop]", f.Logs[0].Lines)
	require.NotEmpty(t, f.Next)

	out.Reset()
	require.Error(t, o.failed(fmt.Errorf("lock web: %w", catalog.ErrLocked)))
	all = decoded(t, out.String())
	require.Equal(t, exitBusy, *all[0].Exit)
	require.Contains(t, all[0].Failure.Reason, "lock web")
}
