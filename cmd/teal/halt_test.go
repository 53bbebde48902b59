package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/dev"
)

// shop is a world with a service web, whose production is blue.
type shop struct {
	t     *testing.T
	world *dev.World
}

func newShop(t *testing.T) *shop {
	t.Helper()
	w, err := dev.New(dev.Options{
		Domain: "localhost", ProxyAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", StoreAddr: "127.0.0.1:0", Logger: hclog.NewNullLogger(),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "blue") }))
	t.Cleanup(up.Close)
	s := &shop{t: t, world: w}
	host, port, err := net.SplitHostPort(up.Listener.Addr().String())
	require.NoError(t, err)
	s.put("agent/service/register", fmt.Sprintf(`{"Name":"web","ID":"b1","Address":%q,"Port":%s,"Tags":["production","blue"]}`, host, port))
	s.put("kv/teal/aliases/web/production", "blue-production")
	require.Eventually(t, func() bool { status, body := s.get(); return status == 200 && body == "blue" }, 10*time.Second, 20*time.Millisecond)
	return s
}

func (s *shop) put(path, body string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, "http://"+s.world.StoreAddr()+"/v1/"+path, strings.NewReader(body))
	require.NoError(s.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
	require.Equal(s.t, 200, res.StatusCode)
}

// get asks for web; it answers 0 where nobody answers.
func (s *shop) get() (status int, body string) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.world.ProxyAddr()+"/web@production/", nil)
	if err != nil {
		return 0, err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}

// teal runs the command on the world.
func (s *shop) teal(line string) (code int, said string) {
	s.t.Helper()
	var out bytes.Buffer
	code = run(append(strings.Fields(line), "--consul", s.world.StoreAddr()), &out, &out)
	return code, out.String()
}

func TestPauseAndResume(t *testing.T) {
	s := newShop(t)
	code, said := s.teal("pause web production --max-wait 1m")
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, "production of web is paused")
	require.Contains(t, said, "no request is under way; `teal resume web production` ends it")

	held := make(chan string, 1)
	go func() {
		_, body := s.get()
		held <- body
	}()
	explain := "explain web production --router " + s.world.PageURL()
	require.Eventually(t, func() bool {
		_, said = s.teal(explain)
		return strings.Contains(said, "requests wait for up to 1m0s, 1 of at most 10000 do in this router")
	}, time.Minute, 10*time.Millisecond, said)
	code, said = s.teal("maintenance off web production")
	require.Equal(t, exitError, code)
	require.Contains(t, said, "production of web is paused; `teal resume web production` ends it")

	code, said = s.teal("resume web production")
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, "production of web goes on")
	require.Equal(t, "blue", <-held)
	code, said = s.teal("resume web production")
	require.Equal(t, exitDone, code)
	require.Contains(t, said, "production of web is not paused")
}

func TestMaintenanceOnAndOff(t *testing.T) {
	s := newShop(t)
	code, said := s.teal("maintenance on web production")
	require.Equal(t, exitDone, code, said)
	status, body := s.get()
	require.Equal(t, 503, status, body)
	code, said = s.teal("resume web production")
	require.Equal(t, exitError, code)
	require.Contains(t, said, "is under maintenance; `teal maintenance off web production` ends it")
	code, said = s.teal("maintenance off web production")
	require.Equal(t, exitDone, code, said)
	require.Eventually(t, func() bool { status, _ := s.get(); return status == 200 }, 10*time.Second, 10*time.Millisecond)
}

func TestHaltsCanBeTriedAndReadByPrograms(t *testing.T) {
	s := newShop(t)
	says := func(line, want string) {
		t.Helper()
		code, said := s.teal(line)
		require.Equal(t, exitDone, code, said)
		if strings.HasPrefix(want, "{") {
			require.JSONEq(t, want, said)
		} else {
			require.Contains(t, said, want)
		}
	}
	says("pause web production --dry-run", "production of web would be paused, takes requests now")
	says("maintenance on web production --dry-run --json",
		`{"service": "web", "alias": "production", "halt": "maintenance", "changed": true, "quiet": false, "dry_run": true}`)
	says("resume web production --dry-run", "production of web is not paused")
	status, _ := s.get()
	require.Equal(t, 200, status, "nothing was done")

	says("pause web production --json", `{"service": "web", "alias": "production", "halt": "pause", "changed": true, "quiet": true}`)
	says("pause web production --dry-run", "would be paused, is paused now")
	says("resume web production --dry-run", "production of web would go on")
	says("resume web production --dry-run --json",
		`{"service": "web", "alias": "production", "halt": "", "changed": true, "quiet": false, "dry_run": true}`)
	says("resume web production --json", `{"service": "web", "alias": "production", "halt": "", "changed": true, "quiet": false}`)
	says("maintenance off web production --json", `{"service": "web", "alias": "production", "halt": "", "changed": false, "quiet": false}`)
}

func TestWhatCantBeHaltedIsASentence(t *testing.T) {
	s := newShop(t)
	for line, want := range map[string]string{
		"pause api production":          `there is no service "api"`,
		"pause web beta":                `service web has no alias "beta"; it has production`,
		"resume web beta":               `service web has no alias "beta"; it has production`,
		"maintenance on api production": `there is no service "api"`,
	} {
		code, said := s.teal(line)
		require.Equal(t, exitError, code, line)
		require.Contains(t, said, want, line)
	}
}

func TestExplainSpeaksAndWritesJSON(t *testing.T) {
	s := newShop(t)
	code, said := s.teal("explain http://web.localhost/x --from 10.0.0.7 --router " + s.world.PageURL())
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, "The request goes to blue-production.\n")
	code, said = s.teal("explain web blue-production b1 --json --router " + s.world.PageURL())
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, `"id": "b1"`)
	code, said = s.teal("explain web green-production --router " + s.world.PageURL())
	require.Equal(t, exitError, code)
	require.Contains(t, said, `Service web has no alias or target called "green-production"; it has: blue-production, production`)
}
