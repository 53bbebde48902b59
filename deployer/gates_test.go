package deployer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// gated gives a request the one gate that needs no server.
func gated(req deployer.Request) deployer.Request {
	req.Spec.Gates.Test = &servicefile.TestCommand{Command: []string{"true"}, Timeout: time.Minute}
	return req
}

// smoked is a request to bring up r3 with smoke tests.
func smoked(tests ...servicefile.Smoke) deployer.Request {
	req := request("good", "r3")
	req.Spec.Gates.Smoke = tests
	return req
}

// router makes a world's router answer for the offline colour.
func (w *world) router(t *testing.T, answer http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(http.StripPrefix("/web@blue-production", answer))
	t.Cleanup(server.Close)
	w.routers[0].Proxy = server.Listener.Addr().String()
}

// told deploys and answers what was told meanwhile, a line each.
func (w *world) told(ctx context.Context, req deployer.Request, environ ...string) (string, error) {
	return w.toldTo(ctx, func(string) {}, req, environ...)
}

// toldTo is told, and lets somebody hear each text.
func (w *world) toldTo(ctx context.Context, hear func(text string), req deployer.Request, environ ...string) (string, error) {
	var lines strings.Builder
	d := deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, By: "test@here", Poll: time.Millisecond, GatePoll: time.Millisecond,
		Acknowledge: 2 * time.Second, Routed: 2 * time.Second, Environ: append([]string{"PATH=/usr/bin:/bin"}, environ...),
		Progress: func(e deployer.Event) {
			fmt.Fprintln(&lines, e.Kind, e.State, e.Text)
			hear(e.Text)
		},
	})
	_, err := d.Deploy(ctx, req)
	return lines.String(), err
}

func TestSmokeTestsJudgeAnswers(t *testing.T) {
	t.Parallel()
	answer := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			http.Error(w, "no \x1b[31mdatabase "+strings.Repeat("x", 500), http.StatusInternalServerError)
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		default:
			fmt.Fprintf(w, "shop %s as %s", r.URL.RequestURI(), r.Header.Get("X-Account"))
		}
	}
	for _, tt := range []struct {
		test servicefile.Smoke
		want string // why not; empty when it passes
	}{
		{servicefile.Smoke{Path: "/"}, ""},
		{servicefile.Smoke{Path: "/moved", Status: 302}, ""},
		{servicefile.Smoke{Path: "/a?b=c", Body: "shop /a?b=c as ann", Header: map[string]string{"X-Account": "ann"}}, ""},
		{servicefile.Smoke{Path: "/", Pattern: regexp.MustCompile(`^shop\s`)}, ""},
		{servicefile.Smoke{Path: "/moved"}, "smoke test /moved through router r1: it answered 302 Found where a 2xx is wanted"},
		{servicefile.Smoke{Path: "/broken"}, `it answered 500 Internal Server Error where a 2xx is wanted, with the body "no \x1b[31mdatabase xxx`},
		{servicefile.Smoke{Path: "/", Status: 404}, `it answered 200 OK where 404 Not Found is wanted, with the body "shop / as "`},
		{servicefile.Smoke{Path: "/", Body: "bank"}, `with a body that does not hold "bank": "shop / as "`},
		{servicefile.Smoke{Path: "/", Pattern: regexp.MustCompile("^bank")}, "with a body that does not match /^bank/"},
		{servicefile.Smoke{Path: "/slow", Within: 5 * time.Millisecond}, "no whole answer within 5ms"},
	} {
		t.Run(tt.test.Path+" "+tt.want, func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			w.router(t, answer)
			req := smoked(servicefile.Smoke{Path: "/first"}, tt.test)
			req.Spec.Timeout = time.Second
			if tt.want == "" {
				req.Spec.Timeout = time.Minute
			}
			told, err := w.told(t.Context(), req)
			if tt.want == "" {
				require.NoError(t, err)
				require.Contains(t, told, "entered testing testing blue-production of web: 2 smoke tests\n")
				require.Contains(t, told, "step testing all smoke tests pass through router r1\n")
				return
			}
			f := failure(t, err)
			require.Equal(t, catalog.Testing, f.Stage)
			require.True(t, f.BeforeFlip)
			require.NoError(t, f.Leftover)
			require.Contains(t, f.Reason, "the deployment failed while testing: after 1s, smoke test "+tt.test.Path)
			require.Contains(t, f.Reason, tt.want)
			require.Less(t, len(f.Reason), 700)
			require.Len(t, f.Logs, 4, "what the instances wrote may tell why")
			assertLiveUntouched(t, w)
		})
	}
}

func TestSmokeTestsPassInOneGo(t *testing.T) {
	w := twoReleases(t)
	var paths []string
	w.router(t, func(rw http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path) // one question at a time
		if len(paths) == 2 {
			http.Error(rw, "not yet", http.StatusServiceUnavailable)
		}
	})
	req := smoked(servicefile.Smoke{Path: "/a"}, servicefile.Smoke{Path: "/b"}, servicefile.Smoke{Path: "/c"})
	req.Spec.Timeout = time.Minute
	told, err := w.told(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, []string{"/a", "/b", "/a", "/b", "/c"}, paths)
	require.Contains(t, told, "step testing not yet: smoke test /b through router r1")
	require.Equal(t, "blue-production", w.alias("production"))
}

func TestWithoutARouterAnInstanceIsAsked(t *testing.T) {
	w := twoReleases(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprint(rw, r.URL.Path)
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	w.port, err = strconv.Atoi(port)
	require.NoError(t, err)
	w.routers = nil
	req := smoked(servicefile.Smoke{Path: "/a", Pattern: regexp.MustCompile("^/a$")})
	req.Spec.Timeout = time.Minute
	told, err := w.told(t.Context(), req)
	require.NoError(t, err)
	require.Contains(t, told, "note testing no router lives to ask through, so the new instances are asked themselves\n")
	require.Contains(t, told, "all smoke tests pass through instance a:web-production-blue-web-1 on a")
}

func TestACrashEndsTheSmokeTestsEarly(t *testing.T) {
	w := twoReleases(t)
	w.router(t, func(rw http.ResponseWriter, _ *http.Request) {
		w.stopAll("a", catalog.Target{Colour: catalog.Blue, Environment: "production"})
		http.Error(rw, "dying", http.StatusBadGateway)
	})
	req := smoked(servicefile.Smoke{Path: "/"})
	req.Spec.Timeout = time.Hour
	_, err := w.told(t.Context(), req)
	require.Contains(t, failure(t, err).Reason, "exited with 0 before the flip")
	assertLiveUntouched(t, w)
}

// sharp is a request with an outside gate that asks for a token.
func sharp(url string) deployer.Request {
	req := request("good", "r3")
	req.Spec.Gates.Outside = []servicefile.OutsideGate{{
		Name: "quality", URL: url + "/gate?key=s3cret", Field: "result.passed", Timeout: time.Second, Token: "QUALITY_TOKEN",
	}}
	return req
}

func TestOutsideGates(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		answer string
		want   string
	}{
		"false":        {200, `{"result": {"passed": false}}`, `field result.passed is not true in its answer "{\"result`},
		"a word":       {200, `{"result": {"passed": "true"}}`, "field result.passed is not true"},
		"no field":     {200, `{"result": {"past": true}}`, "its answer has no field result.passed"},
		"no mapping":   {200, `{"result": [true]}`, "its answer has no field result.passed"},
		"no JSON":      {200, `<p>hello`, `its answer is no JSON: "<p>hello"`},
		"unauthorised": {401, `who is Bearer tok3n?`, `it answered 401 Unauthorized, with the body "who is Bearer [token]?"`},
		"elsewhere":    {302, ``, "it answered 302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := twoReleases(t)
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Location", "/other")
				rw.WriteHeader(tt.status)
				fmt.Fprint(rw, tt.answer)
			}))
			defer server.Close()
			told, err := w.told(t.Context(), sharp(server.URL), "QUALITY_TOKEN=tok3n")
			require.Contains(t, failure(t, err).Reason, "after 1s, gate quality at "+server.URL+"/gate does not let the release through: "+tt.want)
			for _, secret := range []string{"tok3n", "s3cret"} {
				require.NotContains(t, told+err.Error(), secret)
			}
			assertLiveUntouched(t, w)
		})
	}
}

func TestAnOutsideGateIsAskedUntilItOpens(t *testing.T) {
	w := twoReleases(t)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(rw, `{"result": {"passed": %t}}`, asked.Add(1) > 3 && r.Header.Get("Authorization") == "Bearer tok3n" && r.URL.RawQuery == "key=s3cret")
	}))
	defer server.Close()
	req := sharp(server.URL)
	req.Spec.Gates.Outside[0].Timeout = time.Minute
	told, err := w.told(t.Context(), req, "QUALITY_TOKEN=tok3n")
	require.NoError(t, err)
	require.EqualValues(t, 4, asked.Load())
	require.Equal(t, 1, strings.Count(told, "not yet: gate quality"), "the same is told once")
	require.Contains(t, told, "step testing gate quality is open\n")

	server.Close()
	req = sharp(server.URL)
	told, err = w.told(t.Context(), req, "QUALITY_TOKEN=tok3n")
	require.Contains(t, failure(t, err).Reason, "connection refused")
	require.NotContains(t, told+err.Error(), "s3cret")
}

func TestAGateWithoutItsTokenKeepsADeploymentFromBeginning(t *testing.T) {
	w := twoReleases(t)
	created := w.created
	_, err := w.told(t.Context(), sharp("https://quality.example"))
	f := failure(t, err)
	require.True(t, f.BeforeFlip)
	require.Contains(t, f.Reason, "the deployment did not begin, and nothing was touched: gate quality takes its token from the variable QUALITY_TOKEN, which is not set here")
	require.Equal(t, created, w.created)
	assertLiveUntouched(t, w)
}

// commanded is a request with a line for the shell as its test command.
func commanded(line string) deployer.Request {
	req := request("good", "r3")
	req.Spec.Gates.Test = &servicefile.TestCommand{Command: []string{"sh", "-c", line}, Timeout: time.Minute}
	return req
}

func TestTheTestCommandDecides(t *testing.T) {
	w := twoReleases(t)
	w.routers[0].Proxy = "10.0.0.1:80"
	told, err := w.told(t.Context(), commanded(`echo "$TEAL_PREVIEW_URL $TEAL_SERVICE $TEAL_TARGET $TEAL_RELEASE $MORE"; printf '\033[31mred' >&2; exit 3`), "MORE=more")
	require.Contains(t, failure(t, err).Reason, `the test command sh ended with exit status 3; it last wrote: "[31mred"`)
	require.Contains(t, told, "step testing sh: http://10.0.0.1:80/web@blue-production web blue-production r3 more\n")
	assertLiveUntouched(t, w)

	_, err = w.told(t.Context(), commanded("exit 0"))
	require.NoError(t, err)
	require.Equal(t, "blue-production", w.alias("production"))

	req := commanded("")
	req.Spec.Gates.Test.Command = []string{"no-such-program-anywhere"}
	_, err = w.told(t.Context(), req)
	require.Contains(t, failure(t, err).Reason, "the test command no-such-program-anywhere can't be run; see that the machine that deploys has it")
}

// gone waits until a process has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // nobody may be there to collect it
		return bytes.Contains(stat, []byte(") Z ")) || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}, 10*time.Second, 5*time.Millisecond, "process %d lives", pid)
}

var childPID = regexp.MustCompile(`child (\d+)`)

func TestTheTestCommandEndsWithItsChildren(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		line    string
		timeout time.Duration
		want    string
	}{
		"too long":    {"trap 'echo tidy; exit 0' TERM; sleep 300 & echo child $!; wait", 3 * time.Second, "the test command sh did not end within 3s and was killed"},
		"interrupted": {"sleep 300 & echo child $!; wait", time.Minute, "interrupted while testing"},
		"left behind": {"sleep 300 >/dev/null 2>&1 & echo child $!; exit 1", time.Minute, "ended with exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := twoReleases(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req := commanded(tt.line)
			req.Spec.Gates.Test.Timeout = tt.timeout
			hear := func(text string) {
				if name == "interrupted" && childPID.MatchString(text) {
					cancel()
				}
			}
			told, err := w.toldTo(ctx, hear, req)
			require.Contains(t, failure(t, err).Reason, tt.want)
			child := childPID.FindStringSubmatch(told)
			require.Len(t, child, 2, told)
			pid, err := strconv.Atoi(child[1])
			require.NoError(t, err)
			gone(t, pid)
			require.Equal(t, name == "too long", strings.Contains(told, "sh: tidy"), "who is told to end may tidy up")
			assertLiveUntouched(t, w)
		})
	}
}

func TestADeployerThatDiedTestingIsReverted(t *testing.T) {
	w := twoReleases(t)
	w.on = func(op, _ string) error {
		if op == "routers" && w.in(catalog.Testing) {
			w.on = func(string, string) error { return errors.New("killed") }
			return errors.New("killed")
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), gated(request("good", "r3")))
	require.Error(t, err)
	require.Equal(t, catalog.Testing, w.last(t).State)
	assertLiveRuns(t, w)
	dead := w.last(t).ID
	w.bury()

	w.deploy(t, "r4")
	require.Equal(t, catalog.Failed, w.deployments[dead].State)
	require.Equal(t, "its deployer died while testing", w.deployments[dead].Reason)
	for _, h := range []string{"a", "b"} {
		require.Equal(t, both(running("blue", "r4"), running("green", "r2")), w.names(h), h)
	}
}

func TestWhatFailedWhileTestingIsNotFlippedTo(t *testing.T) {
	w := twoReleases(t)
	w.router(t, func(http.ResponseWriter, *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.containers["a"] {
			if c.Labels[catalog.LabelRelease] == "r3" {
				c.Image = "sick"
			}
		}
	})
	_, err := w.told(t.Context(), smoked(servicefile.Smoke{Path: "/"}))
	f := failure(t, err)
	require.Contains(t, f.Reason, "2 of 4 instances of release r3 pass their checks")
	require.NotEmpty(t, f.Checks)
	assertLiveUntouched(t, w)
}

func TestPlanNamesWhatIsDoneInItsOrder(t *testing.T) {
	w := newWorld()
	req := gated(sharp("https://quality.example"))
	req.Spec.SelfTest = &servicefile.SelfTest{}
	req.Spec.Tasks = []servicefile.Task{{Name: "migrate"}}
	req.Spec.Gates.Smoke = []servicefile.Smoke{{Path: "/"}, {Path: "/up"}}
	req.Spec.Canary = &servicefile.Canary{Steps: []int{5, 25, 100}, Pause: time.Minute}
	req.Spec.Bake = &servicefile.Bake{For: 5 * time.Minute}
	env(&req, func(e *servicefile.Environment) {
		e.Approval = &servicefile.ApprovalRule{Within: time.Hour, Then: catalog.Abort}
	})
	token := "a deployment from here would not begin: gate quality takes its token from the variable QUALITY_TOKEN, which is not set here; set it where the deployment runs"
	want := []string{
		"before a deployment: the self-test, by `teal test` or `teal pipeline`",
		"before the flip: gate quality, task migrate, 2 smoke tests, test command true, somebody's approval within 1h0m0s (then: abort)",
		"after the flip: watched for 5m0s",
		token,
	}
	require.Equal(t, want, w.planned(t, req).Notes, "there is nothing to share requests with")

	w.deploy(t, "r1")
	want = slices.Insert(want, 2, "the flip: in steps of 5 %, 25 %, 100 % of the requests, watched for 1m0s each but the last")
	require.Equal(t, want, w.planned(t, req).Notes)
}
