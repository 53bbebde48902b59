//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const goodFile = `name: teal-test-shop
services:
  api:
    image: teal-example/shop-api:1.0.0
    ports: ["8080"]
x-teal:
  check: {http: /health}
  environments:
    production: {hosts: ["unix:///var/run/docker.sock"]}
`

// What a person gets wrong is answered with a sentence that says what to do.
func TestBadInputGetsASentence(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		file string
		env  []string
		args []string
		code int
		says []string
	}{
		"Consul unreachable": {
			file: goodFile, env: []string{"CONSUL_HTTP_ADDR=127.0.0.1:1"}, code: 1,
			says: []string{"cannot reach Consul at 127.0.0.1:1", "CONSUL_HTTP_ADDR"},
		},
		"Docker unreachable": {
			file: strings.Replace(goodFile, "/var/run/", "/nowhere/", 1), code: 3, says: []string{"/nowhere/docker.sock"},
		},
		"an image that nobody has": {
			file: strings.Replace(goodFile, "shop-api:1.0.0", "no-such-image:9", 1), code: 3, says: []string{"teal-example/no-such-image:9"},
		},
		"a colour that is none": {
			args: []string{"flip", shop, production, "mauve-production"}, code: 1,
			says: []string{"mauve-production"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			args := c.args
			if args == nil {
				args = []string{"deploy", "--file", writeFile(t, "compose.yaml", c.file)}
			}
			r := w.run(t, c.env, args...)
			require.Equal(t, c.code, r.code, r.out)
			for _, s := range c.says {
				require.Contains(t, r.out, s)
			}
			require.NotContains(t, r.out, "goroutine")
			require.Empty(t, containersOf(t, shop))
			require.Empty(t, w.alias(t))
		})
	}
}
