package docker

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/registry"
	"github.com/stretchr/testify/require"
)

// pushEngine has an image and tells with which credential it is pushed.
func pushEngine(t *testing.T, progress string, auth *registry.AuthConfig) *Engine {
	return fakeEngine(t, map[string]http.HandlerFunc{
		"/images/registry.example/shop:1/json": says(`{"Id":"sha256:1"}`),
		"/images/registry.example/shop/push": func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, "1", r.URL.Query().Get("tag"))
			require.NotEmpty(t, r.Header.Get("X-Registry-Auth"), "engines refuse a push without it")
			got, err := registry.DecodeAuthConfig(r.Header.Get("X-Registry-Auth"))
			require.NoError(t, err)
			*auth = *got
			says(progress)(w, r)
		},
	})
}

func TestAPushAnswersTheDigest(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	var auth registry.AuthConfig
	engine := pushEngine(t, `{"status":"The push refers to repository [registry.example/shop]"}
		{"status":"Preparing","progressDetail":{},"id":"4f"}
		{"status":"Pushing","progressDetail":{"current":512,"total":1024},"progress":"[==>  ]","id":"4f"}
		{"status":"Pushed","progressDetail":{},"id":"4f"}
		{"progressDetail":{},"aux":{"Tag":"1","Digest":"sha256:abc","Size":528}}`, &auth)
	var out bytes.Buffer
	pinned, err := engine.Push(t.Context(), "registry.example/shop:1", &out)
	require.NoError(t, err)
	require.Equal(t, "registry.example/shop@sha256:abc", pinned)
	require.Equal(t, "The push refers to repository [registry.example/shop]\n4f: Preparing\n4f: Pushed\n", out.String())
	require.Empty(t, auth)

	login := base64.StdEncoding.EncodeToString([]byte("ann:word"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths":{"registry.example":{"auth":"`+login+`"}}}`), 0o600))
	_, err = engine.Push(t.Context(), "registry.example/shop:1", &out)
	require.NoError(t, err)
	require.Equal(t, "ann", auth.Username)
}

func TestAPushThatFails(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	var auth registry.AuthConfig
	for progress, want := range map[string]string{
		`{"status":"Preparing","id":"4f"}{"errorDetail":{"message":"denied"},"error":"denied"}`: "denied",
		`{"status":"Pushed","id":"4f"}`: "has told no digest",
	} {
		engine := pushEngine(t, progress, &auth)
		_, err := engine.Push(t.Context(), "registry.example/shop:1", new(bytes.Buffer))
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "push image registry.example/shop:1")
		_, err = engine.Push(t.Context(), "registry.example/shop@sha256:"+strings.Repeat("a", 64), nil)
		require.ErrorContains(t, err, "give the image a tag")
	}
}
