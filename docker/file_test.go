package docker

import (
	"archive/tar"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// fileEngine has a container with what is in tree: a folder, a file or where a
// link leads. What is copied into it is told with the folder it is copied to.
func fileEngine(t *testing.T, tree map[string]string, copied *[]string) *Engine {
	return fakeEngine(t, map[string]http.HandlerFunc{
		"/containers/create": says(`{"Id":"id"}`),
		"/containers/id/archive": func(w http.ResponseWriter, r *http.Request) {
			name := r.URL.Query().Get("path")
			if r.Method == http.MethodPut {
				*copied = append(*copied, unpack(t, name, r.Body)...)
				return
			}
			kind, ok := tree[name]
			if !ok {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			stat := container.PathStat{Name: name, Mode: fs.ModeDir | 0o755}
			switch kind {
			case "folder":
			case "file":
				stat.Mode = 0o644
			default:
				stat.Mode, stat.LinkTarget = fs.ModeSymlink|0o777, kind
			}
			text, err := json.Marshal(stat)
			require.NoError(t, err)
			w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(text))
		},
		"/containers/id": func(_ http.ResponseWriter, r *http.Request) {
			require.Equal(t, http.MethodDelete, r.Method)
			*copied = append(*copied, "removed")
		},
	})
}

func unpack(t *testing.T, to string, body io.Reader) (all []string) {
	for r := tar.NewReader(body); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		all = append(all, strings.TrimSpace(strings.Join([]string{to, h.Name, fs.FileMode(h.Mode).String(), string(content)}, " ")))
	}
}

func TestAFileBringsTheFoldersThatAreMissing(t *testing.T) {
	tree := map[string]string{"/run": "folder", "/var": "folder", "/var/run": "/run", "/etc": "folder", "/etc/hosts": "file", "/a": "/b", "/b": "/a"}
	for name, want := range map[string][]string{
		"/run/token":             {"/run token -rw-r----- x"},
		"/run/secrets/web/token": {"/run secrets/ -rwxr-xr-x", "/run secrets/web/ -rwxr-xr-x", "/run secrets/web/token -rw-r----- x"},
		"/var/run/secrets/token": {"/run secrets/ -rwxr-xr-x", "/run secrets/token -rw-r----- x"},
		"/var/../run/./token":    {"/run token -rw-r----- x"},
		"/token":                 {"/ token -rw-r----- x"},
		"/new/token":             {"/ new/ -rwxr-xr-x", "/ new/token -rw-r----- x"},
		"/etc/hosts":             {"/etc hosts -rw-r----- x"},
		"/etc/hosts/token":       nil,
		"/a/token":               nil,
		"/run/secrets/":          nil,
		"token":                  nil,
	} {
		var copied []string
		engine := fileEngine(t, tree, &copied)
		err := engine.putFile(t.Context(), "id", catalog.File{Path: name, Content: []byte("x"), Mode: 0o640})
		require.Equal(t, want, copied, name)
		require.Equal(t, want == nil, err != nil, "%s: %v", name, err)
	}
}

func TestAContainerWithoutItsFilesGoes(t *testing.T) {
	var copied []string
	engine := fileEngine(t, map[string]string{"/etc": "file"}, &copied)
	_, err := engine.Create(t.Context(), catalog.ContainerSpec{Name: "web", Files: []catalog.File{
		{Path: "/first", Content: []byte("hidden")}, {Path: "/etc/second", Content: []byte("hidden")},
	}})
	require.ErrorContains(t, err, "create container web")
	require.ErrorContains(t, err, "put in file /etc/second: /etc is a file in the image")
	require.NotContains(t, err.Error(), "hidden")
	require.Equal(t, []string{"/ first ---------- hidden", "removed"}, copied)
}
