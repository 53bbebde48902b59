package docker

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestInfo(t *testing.T) {
	engine := fakeEngine(t, map[string]http.HandlerFunc{
		"/info": says(`{"ID":"e1","NCPU":8,"MemTotal":17179869184,"ServerVersion":"28.5.2","DockerRootDir":"/var/lib/docker"}`),
	})
	machine, err := engine.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, catalog.Machine{Engine: "e1", Cores: 8, Memory: 16 << 30, Docker: "28.5.2", Root: "/var/lib/docker"}, machine)

	engine = fakeEngine(t, map[string]http.HandlerFunc{"/info": fails(http.StatusInternalServerError, "no")})
	_, err = engine.Info(t.Context())
	require.ErrorContains(t, err, "ask the engine about its machine")
}
