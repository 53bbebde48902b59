//go:build integration

package integration

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var lastLine = regexp.MustCompile(`^demo: 2 deployments, 1 rollback, \d+ requests, 0 failed$`)

func TestDemoEndsWithoutAFailedRequest(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, teal(t), "demo", "--exit").CombinedOutput()
	require.NoError(t, err, "%s", out)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Regexp(t, lastLine, lines[len(lines)-1])
	t.Log(lines[len(lines)-1])
}

// Without --exit the demo stays up, and a signal ends it and all it started.
func TestDemoStaysUpAndEndsPolitely(t *testing.T) {
	proxy, admin, store := freeAddr(t), freeAddr(t), freeAddr(t)
	cmd := exec.CommandContext(t.Context(), teal(t), "demo", "--listen", proxy, "--admin", admin, "--store", store)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, cmd.Start())
	w := &world{proxy: proxy, admin: admin}
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + admin + "/")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, patience, 10*time.Millisecond)
	t.Logf("the page was there after %s", time.Since(began).Round(time.Millisecond))
	text := bufio.NewScanner(out)
	for text.Scan() && !strings.Contains(text.Text(), "flip by hand") {
		if strings.Contains(text.Text(), "is live at") {
			t.Logf("the service was there after %s", time.Since(began).Round(time.Millisecond))
		}
	}
	code, body := w.get(t, "web.localhost", "/")
	require.Equal(t, http.StatusOK, code, body)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_, err = io.Copy(io.Discard, out)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), "a signal is no failure")
}
