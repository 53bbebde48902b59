package notify

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// ended is a deployment of web to production in a state.
func ended(state catalog.DeploymentState) catalog.Deployment {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	blue, _ := catalog.ParseAliasValue("blue-production")
	d := catalog.Deployment{
		ID: "20260301t120000.000z-abc123", Service: "web", Environment: "production", Release: "1.4.0",
		Target: catalog.Target{Colour: catalog.Green, Environment: "production"}, Previous: blue,
		Revision: "0123456789abcdef0123", By: "ann@ci", Images: map[string]string{"app": "registry.example:5000/team/Web:1.4.0@sha256:0b31"},
	}
	return d.Enter(catalog.Pending, at, "").Enter(state, at.Add(12340*time.Millisecond), "")
}

func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	const none = catalog.DeploymentState("none")
	for _, c := range []struct {
		now, before              catalog.DeploymentState
		onChange, onFail, always bool
	}{
		{catalog.Pending, catalog.Succeeded, false, false, true},
		{catalog.AwaitingApproval, catalog.Failed, true, false, true},
		{catalog.Succeeded, none, false, false, true},
		{catalog.Succeeded, catalog.Succeeded, false, false, true},
		{catalog.Succeeded, catalog.Failed, true, false, true},
		{catalog.Succeeded, catalog.RolledBack, true, false, true},
		{catalog.Succeeded, catalog.RollbackFailed, true, false, true},
		{catalog.Succeeded, catalog.Aborted, false, false, true},
		{catalog.Failed, none, true, true, true},
		{catalog.Failed, catalog.Succeeded, true, true, true},
		{catalog.Failed, catalog.Failed, false, true, true},
		{catalog.Failed, catalog.RolledBack, false, true, true},
		{catalog.RolledBack, catalog.Succeeded, true, true, true},
		{catalog.RollbackFailed, catalog.Succeeded, true, true, true},
		{catalog.RollbackFailed, catalog.RollbackFailed, true, true, true},
		{catalog.Aborted, catalog.Succeeded, false, true, true},
		{catalog.Superseded, catalog.Failed, false, true, true},
	} {
		t.Run(string(c.now)+" after "+string(c.before), func(t *testing.T) {
			var previous *catalog.Deployment
			if c.before != none {
				d := ended(c.before)
				previous = &d
			}
			for when, want := range map[servicefile.NotifyWhen]bool{servicefile.NotifyChange: c.onChange, servicefile.NotifyFailure: c.onFail, servicefile.NotifyAlways: c.always, "": c.onChange} {
				require.Equal(t, want, wants(servicefile.Notify{When: when}, ended(c.now), previous), "%q", when)
			}
		})
	}
}

func TestLastVerdict(t *testing.T) {
	t.Parallel()
	at := func(id string, s catalog.DeploymentState) catalog.Deployment {
		return catalog.Deployment{ID: id, State: s}
	}
	now := at("5", catalog.Failed)
	all := []catalog.Deployment{at("2", catalog.Failed), at("6", catalog.Succeeded), now, at("1", catalog.Succeeded), at("4", catalog.Superseded), at("3", catalog.Baking)}
	require.Equal(t, &all[0], LastVerdict(all, now))
	require.Nil(t, LastVerdict(all, at("1", catalog.Succeeded)))
	require.Nil(t, LastVerdict(nil, now))
}

func TestSlackMessage(t *testing.T) {
	t.Parallel()
	record := ended(catalog.Failed)
	record.Reason = "exited with 2: <!channel> & \x1b[31m```x```"
	require.Equal(t, ":x: web 1.4.0 did not get to production\n"+
		"```\nexited with 2: &lt;!channel&gt; &amp; '''x'''\n```\n"+
		"green-production · by ann@ci · commit 0123456789ab · took 12.3s · deployment 20260301t120000.000z-abc123",
		Tidings{Record: record}.slack().(slackMessage).Text)

	record = ended(catalog.Succeeded)
	record.Release = "1<2"
	require.Contains(t, Tidings{Record: record}.slack().(slackMessage).Text, ":white_check_mark: web 1&lt;2 is live in production\ngreen-production")

	record.Reason = strings.Repeat("é", 2*maxReason)
	require.Less(t, len([]rune(Tidings{Record: record}.slack().(slackMessage).Text)), 2*maxReason)
}

func TestHeadlines(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range []catalog.DeploymentState{
		catalog.Pending, catalog.AwaitingApproval, catalog.Succeeded, catalog.Failed, catalog.Aborted,
		catalog.Superseded, catalog.RolledBack, catalog.RollbackFailed,
	} {
		headline := Tidings{Record: ended(s)}.headline()
		require.Contains(t, headline, "web 1.4.0")
		require.False(t, seen[headline], headline)
		seen[headline] = true
	}
}

func TestWebhookMessage(t *testing.T) {
	t.Parallel()
	for state, event := range map[catalog.DeploymentState]string{
		catalog.Pending: "deployment.began", catalog.Locked: "deployment.began", catalog.AwaitingApproval: "deployment.awaiting-approval",
		catalog.Succeeded: "deployment.succeeded", catalog.RolledBack: "deployment.rolled-back",
	} {
		all, err := Tidings{Record: ended(state)}.messages(servicefile.NotifyWebhook)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, "application/json", all[0].contentType)
		var got webhookMessage
		require.NoError(t, json.Unmarshal(all[0].body, &got))
		require.Equal(t, event, got.Event)
		require.Equal(t, "1.4.0", got.Deployment.Release)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	environ := []string{"HOOK=http://old/", "HOOK= https://hooks.example/s3cret\n", "EMPTY=", "BROKEN=http://s3cret\x7f/", "RELATIVE=/s3cret", "FILE=file:///s3cret"}
	for name, c := range map[string]struct {
		n       servicefile.Notify
		address string
		fails   string
	}{
		"fixed":        {n: servicefile.Notify{URL: "http://a/b"}, address: "http://a/b"},
		"variable":     {n: servicefile.Notify{Variable: "HOOK"}, address: "https://hooks.example/s3cret"},
		"missing":      {n: servicefile.Notify{Variable: "NONE"}, fails: "not set"},
		"empty":        {n: servicefile.Notify{Variable: "EMPTY"}, fails: "not set"},
		"broken":       {n: servicefile.Notify{Variable: "BROKEN"}, fails: "no http or https address"},
		"relative":     {n: servicefile.Notify{Variable: "RELATIVE"}, fails: "no http or https address"},
		"other scheme": {n: servicefile.Notify{Variable: "FILE"}, fails: "no http or https address"},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := parsed(c.n, environ)
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				require.NotContains(t, err.Error(), "s3cret")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.address, u.String())
		})
	}
}

// receiver is a server that answers with the statuses in turn, the last for ever.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	bodies   []string
	types    []string
}

func newReceiver(t *testing.T, statuses ...int) *receiver {
	r := &receiver{statuses: statuses}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	b, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies, r.types = append(r.bodies, string(b)), append(r.types, req.Header.Get("Content-Type"))
	w.WriteHeader(r.statuses[0])
	if len(r.statuses) > 1 {
		r.statuses = r.statuses[1:]
	}
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.bodies...)
}

func tellOne(t *testing.T, kind servicefile.NotifyKind, address string, timeout time.Duration) []string {
	t.Helper()
	n := Notifier{Environ: []string{"HOOK=" + address}, Timeout: timeout}
	record := ended(catalog.Failed)
	return n.Tell(t.Context(), []servicefile.Notify{{Kind: kind, Variable: "HOOK"}}, New("app", record, nil))
}

func TestTelling(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statuses []int
		tries    int
		note     string
	}{
		"well":                {[]int{200}, 1, ""},
		"no content":          {[]int{204}, 1, ""},
		"second try":          {[]int{503, 200}, 2, ""},
		"second try in vain":  {[]int{500, 502}, 2, "it answered 502 Bad Gateway"},
		"refused":             {[]int{403}, 1, "it answered 403 Forbidden"},
		"redirect to nowhere": {[]int{302}, 1, "it answered 302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, c.statuses...)
			notes := tellOne(t, servicefile.NotifySlack, r.URL+"/s3cret", 0)
			require.Len(t, r.got(), c.tries)
			require.Contains(t, r.got()[0], `"text":`)
			if c.note == "" {
				require.Empty(t, notes)
				return
			}
			require.Len(t, notes, 1)
			require.Contains(t, notes[0], "the slack address in the variable HOOK was not told")
			require.Contains(t, notes[0], c.note)
			require.NotContains(t, notes[0], "s3cret")
		})
	}
}

func TestRedirectsStayAtTheirHost(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t, 200)
	home := newReceiver(t, 200)
	moved := func(status int, to string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/there" {
				home.ServeHTTP(w, req)
				return
			}
			http.Redirect(w, req, to, status)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	require.Contains(t, tellOne(t, servicefile.NotifyWebhook, moved(307, elsewhere.URL+"/s3cret"), 0)[0], "leads elsewhere")
	require.Contains(t, tellOne(t, servicefile.NotifyWebhook, moved(302, "/there"), 0)[0], "leads elsewhere", "it would lose its message")
	require.Contains(t, tellOne(t, servicefile.NotifyWebhook, moved(308, "/again"), 0)[0], "leads elsewhere", "in circles")
	require.Empty(t, home.got())
	require.Empty(t, tellOne(t, servicefile.NotifyWebhook, moved(308, "/there"), 0))
	require.Len(t, home.got(), 1)
	require.Empty(t, elsewhere.got())
}

// hangingServer takes requests and answers none.
func hangingServer(t *testing.T) string {
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-over:
		case <-req.Context().Done():
		}
	}))
	t.Cleanup(func() { close(over); s.Close() })
	return s.URL
}

func TestOneThatHangsKeepsNobodyElseFromBeingTold(t *testing.T) {
	t.Parallel()
	quick := newReceiver(t, 200)
	n := Notifier{Timeout: 2 * time.Second, Environ: []string{"HOOK=" + hangingServer(t) + "/s3cret"}}
	began := time.Now()
	notes := n.Tell(t.Context(), []servicefile.Notify{
		{Kind: servicefile.NotifySlack, Variable: "HOOK"}, {Kind: servicefile.NotifyWebhook, URL: quick.URL}, {Kind: servicefile.NotifyCDEvents, Variable: "HOOK"},
	}, New("", ended(catalog.Succeeded), nil))
	require.Less(t, time.Since(began), 20*time.Second)
	require.Equal(t, []string{
		"the slack address in the variable HOOK was not told how the deployment stands: it did not answer in time",
		"the cdevents address in the variable HOOK was not told how the deployment stands: it did not answer in time",
	}, notes)
	require.Len(t, quick.got(), 1)
}

func TestErrorsHoldNoAddress(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(broken.Close)
	for name, c := range map[string]struct{ address, want string }{
		"untrusted": {secure.URL, "its certificate is not trusted"},
		"closed":    {closed.URL, "refused the connection"},
		"broken":    {broken.URL, "the connection to it broke"},
		"unknown":   {"http://no-such-host.invalid", "the name of its host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			notes := tellOne(t, servicefile.NotifyWebhook, c.address+"/s3cret", 0)
			require.Len(t, notes, 1)
			require.Contains(t, notes[0], c.want)
			u, err := url.Parse(c.address)
			require.NoError(t, err)
			require.NotContains(t, notes[0], "s3cret")
			require.NotContains(t, notes[0], u.Hostname())
		})
	}
}
