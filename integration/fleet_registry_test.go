//go:build integration

package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/stretchr/testify/require"

	"teal/integration/testimage"
)

// startFleetRegistry starts a registry on this machine, which the fleet reaches at
// the address it answers.
func startFleetRegistry(t testing.TB, ip string) string {
	t.Helper()
	dir, address := t.TempDir(), ip+":5000"
	config := filepath.Join(dir, "config.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %s/images}, delete: {enabled: true}}
http: {addr: %q}
`, dir, address), 0o600))
	startDaemon(t, exec.Command(fleetProgram(t, "docker-registry"), "serve", config))
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + address + "/v2/")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, patience, fleetPoll, "the registry does not answer")
	return address
}

// images builds the example's images on the first host and pushes them, the api
// as each of the releases. Every release has a digest of its own.
func (w *fleetWorld) images(t *testing.T, releases ...string) {
	t.Helper()
	for _, release := range releases {
		w.push(t, "shop-api:"+release, "teal/examples/shop/api", release)
	}
	w.push(t, "shop-db:1.0.0", "teal/examples/shop/db")
}

// push makes an image of a main package and pushes it to the registry under a
// name. The arguments are the program's.
func (w *fleetWorld) push(t *testing.T, name, mainPackage string, args ...string) {
	t.Helper()
	reference := w.registry + "/" + name
	t.Setenv(client.EnvOverrideHost, w.hosts[0].endpoint())
	testimage.Build(t, reference, mainPackage, args...)
	said, err := w.hosts[0].docker.ImagePush(t.Context(), reference, image.PushOptions{RegistryAuth: "e30="})
	require.NoError(t, err)
	defer said.Close()
	for lines := bufio.NewScanner(said); lines.Scan(); {
		var line struct {
			Error string `json:"error"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		require.Empty(t, line.Error, "push %s", reference)
	}
}
