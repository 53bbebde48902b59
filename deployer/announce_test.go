package deployer_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// audience hears what webhooks are told.
type audience struct {
	*httptest.Server
	before func(event string) // is called before an answer; may be nil

	mu    sync.Mutex
	heard []string // events, each with its release
}

func newAudience(t *testing.T) *audience {
	a := &audience{}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *audience) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var m struct {
		Event      string
		Deployment catalog.Deployment
	}
	if err := json.NewDecoder(req.Body).Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if a.before != nil {
		a.before(m.Event)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard = append(a.heard, strings.TrimPrefix(m.Event, "deployment.")+" "+m.Deployment.Release)
}

// events are what was heard since it was asked last.
func (a *audience) events() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	heard := slices.Clone(a.heard)
	a.heard = nil
	return heard
}

// telling is a request whose file names the audience.
func (a *audience) telling(req deployer.Request, when servicefile.NotifyWhen) deployer.Request {
	req.Spec.Notify = []servicefile.Notify{{Kind: servicefile.NotifyWebhook, URL: a.URL, When: when}}
	return req
}

func TestTheBeginningIsToldToThoseWhoWantAll(t *testing.T) {
	t.Parallel()
	for when, want := range map[servicefile.NotifyWhen][]string{
		servicefile.NotifyAlways: {"began r3", "succeeded r3", "began r4", "failed r4"},
		servicefile.NotifyChange: {"failed r4"}, servicefile.NotifyFailure: {"failed r4"},
	} {
		w, a := twoReleases(t), newAudience(t)
		_, err := w.deployer().Deploy(t.Context(), a.telling(request("good", "r3"), when))
		require.NoError(t, err)
		_, err = w.deployer().Deploy(t.Context(), a.telling(request("sick", "r4"), when))
		require.Error(t, err)
		require.Equal(t, want, a.events(), when)
	}
}

func TestWhoHearsOfTheBeginningLateHoldsNothingUp(t *testing.T) {
	t.Parallel()
	w, a := twoReleases(t), newAudience(t)
	a.before = func(event string) {
		if event == "deployment.began" {
			assert.Eventually(t, func() bool { return w.in(catalog.Succeeded) }, 4*time.Second, time.Millisecond, "the deployment waits for who is told that it began")
		}
	}
	_, err := w.deployer().Deploy(t.Context(), a.telling(request("good", "r3"), servicefile.NotifyAlways))
	require.NoError(t, err)
	require.Equal(t, []string{"began r3", "succeeded r3"}, a.events())
}

func TestWhoCannotBeToldOfTheBeginningIsNoted(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	req := request("missing", "r3")
	req.Spec.Notify = []servicefile.Notify{{Kind: servicefile.NotifyWebhook, Variable: "NONE", When: servicefile.NotifyAlways}}
	var notes []string
	d := deployer.New(deployer.Options{
		Store: w, Connect: w.connect, Fleet: w, By: "test@here", Environ: []string{}, Poll: time.Millisecond, Insist: time.Millisecond,
		Progress: func(e deployer.Event) {
			if e.Kind == deployer.Note && strings.Contains(e.Text, "NONE was not told") {
				notes = append(notes, e.Text)
			}
		},
	})
	_, err := d.Deploy(t.Context(), req)
	require.Error(t, err)
	require.Len(t, notes, 2, "of the beginning, and of the end")
}

func TestTheEndOfADeadDeploymentIsTold(t *testing.T) {
	t.Parallel()
	w, a := twoReleases(t), newAudience(t)
	dead := a.telling(request("good", "r3"), servicefile.NotifyAlways)
	w.dead(t, dead, catalog.Checking)
	require.Equal(t, []string{"began r3"}, a.events())
	_, err := w.deployer().Deploy(t.Context(), a.telling(request("good", "r4"), servicefile.NotifyAlways))
	require.NoError(t, err)
	require.Equal(t, []string{"failed r3", "began r4", "succeeded r4"}, a.events())

	w.dead(t, dead, catalog.Checking)
	a.events()
	_, err = w.deployer().Resume(t.Context(), dead)
	require.Error(t, err)
	require.Equal(t, []string{"failed r3"}, a.events())
}

func TestTheEndOfOneThatGaveWayIsToldEvenIfTheNextDoesNotBegin(t *testing.T) {
	t.Parallel()
	w, a := twoReleases(t), newAudience(t)
	w.awaiting(t, a.telling(approved(time.Hour, catalog.Abort), servicefile.NotifyAlways))
	require.Equal(t, []string{"began r3", "awaiting-approval r3"}, a.events())
	w.setAlias("staging", "blue-production")
	_, err := w.deployer().Deploy(t.Context(), a.telling(request("good", "r4"), servicefile.NotifyFailure))
	require.ErrorContains(t, err, "did not begin")
	require.Equal(t, []string{"superseded r3"}, a.events())
}
