package deployer_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

const gatesOfFile = `
  smoke:
    - {path: /, body: "/^${RELEASE}$$/", within: 5s}
    - {path: "${SMOKE:-/health}"}
  gates:
    - {name: quality, url: "${GATE}/gate", field: passed, timeout: 20s}
  test:
    command: [sh, -c, 'echo "$$TEAL_RELEASE at $$TEAL_PREVIEW_URL"']
    timeout: 20s
`

func TestEndToEndThroughGates(t *testing.T) {
	l := newLaptop(t)
	var asked atomic.Int32
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"passed": %t}`, asked.Add(1) > 1)
	}))
	defer gate.Close()
	file := strings.Replace(serviceFile, "x-teal:\n", "x-teal:"+gatesOfFile, 1)
	require.NoError(t, os.WriteFile(l.file, []byte(file), 0o600))

	for _, release := range []string{"r1", "r2"} {
		d, err := l.deploy(t, t.Context(), "production", "good", release, "GATE="+gate.URL)
		require.NoError(t, err)
		require.Equal(t, catalog.Testing, d.Timeline[5].State)
		require.Equal(t, release, l.get(t, "web.proxy.test"))
	}
	require.EqualValues(t, 3, asked.Load())

	spec, err := servicefile.Load(t.Context(), l.file, []string{"IMAGE=good", "RELEASE=r3", "GATE=" + gate.URL, "SMOKE=/", "TIMEOUT=10s"})
	require.NoError(t, err)
	spec.Gates.Smoke[1].Body = "r2" // what is live says, and the new release does not
	var told []string
	_, err = l.Deployer(func(e deployer.Event) { told = append(told, e.Text) }).Deploy(t.Context(), deployer.Request{Spec: spec, Environment: "production"})
	f := failure(t, err)
	require.Equal(t, catalog.Testing, f.Stage)
	require.True(t, f.BeforeFlip)
	require.NoError(t, f.Leftover)
	require.Contains(t, f.Reason, `smoke test / through router laptop: it answered 200 OK with a body that does not hold "r2": "r3"`)
	require.Contains(t, told, f.Reason)
	require.Equal(t, "r2", l.get(t, "web.proxy.test"))
}
