package docker

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestImagesAreToldByTheirRepository(t *testing.T) {
	engine := fakeEngine(t, map[string]http.HandlerFunc{"/images/json": says(`[
		{"Id":"sha256:1","RepoTags":["registry:5000/shop-api:1","other:2"],"RepoDigests":["other@sha256:` + strings.Repeat("a", 64) + `"],"Created":7,"Size":9},
		{"Id":"sha256:2","RepoTags":["<none>:<none>"],"RepoDigests":["registry:5000/shop-api@sha256:` + strings.Repeat("b", 64) + `"]},
		{"Id":"sha256:3","RepoTags":["<none>:<none>"],"RepoDigests":["<none>@<none>"]},
		{"Id":"sha256:4","RepoTags":["registry:5000/shop-api-not:1","registry:5000/shop:1"],"RepoDigests":null}]`)})
	found := func(repository string) (ids []string) {
		all, err := engine.Images(t.Context(), repository)
		require.NoError(t, err)
		for _, i := range all {
			ids = append(ids, fmt.Sprint(i.ID, i.Tags))
		}
		return ids
	}
	require.Equal(t, []string{"sha256:1[registry:5000/shop-api:1 other:2]", "sha256:2[]"}, found("registry:5000/shop-api"))
	require.Equal(t, []string{"sha256:1[registry:5000/shop-api:1 other:2]"}, found("docker.io/library/other"))
	require.Empty(t, found("shop-api"))
	_, err := engine.Images(t.Context(), "NO")
	require.ErrorContains(t, err, "list the images of NO")
}

// removalEngine has one image and tells what is removed.
func removalEngine(t *testing.T, containers string, removed *[]string) *Engine {
	paths := map[string]http.HandlerFunc{
		"/images/sha256:1/json": says(`{"Id":"sha256:1","RepoTags":["shop:1","shop:2"],"RepoDigests":["shop@sha256:9"]}`),
		"/containers/json":      says(containers),
	}
	for _, ref := range []string{"shop:1", "shop:2", "shop@sha256:9", "sha256:1"} {
		paths["/images/"+ref] = func(w http.ResponseWriter, r *http.Request) {
			require.Empty(t, r.URL.Query().Get("force"))
			if ref == "sha256:1" {
				fail(w, http.StatusNotFound, "it went with its last name")
				return
			}
			*removed = append(*removed, ref)
			fmt.Fprint(w, `[]`)
		}
	}
	return fakeEngine(t, paths)
}

func TestAnImageGoesWithAllItsNames(t *testing.T) {
	var removed []string
	engine := removalEngine(t, `[{"Id":"c","Names":["/built-on-it"],"ImageID":"sha256:2"}]`, &removed)
	require.NoError(t, engine.RemoveImage(t.Context(), "sha256:1"))
	require.Equal(t, []string{"shop:1", "shop:2", "shop@sha256:9"}, removed)
	require.NoError(t, engine.RemoveImage(t.Context(), "sha256:0"), "gone")
}

func TestAnImageInUseKeepsAllItsNames(t *testing.T) {
	var removed []string
	engine := removalEngine(t, `[{"Id":"c","Names":["/web"],"ImageID":"sha256:1"}]`, &removed)
	err := engine.RemoveImage(t.Context(), "sha256:1")
	require.ErrorIs(t, err, catalog.ErrInUse)
	require.ErrorContains(t, err, "web")
	require.Empty(t, removed)
}

func TestAnImageThatTheEngineKeepsIsInUse(t *testing.T) {
	engine := fakeEngine(t, map[string]http.HandlerFunc{
		"/images/sha256:1/json": says(`{"Id":"sha256:1"}`),
		"/containers/json":      says(`[]`),
		"/images/sha256:1":      fails(http.StatusConflict, "image has dependent child images"),
	})
	require.ErrorIs(t, engine.RemoveImage(t.Context(), "sha256:1"), catalog.ErrInUse)
}

func TestWithoutTag(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("a", 64)
	for ref, want := range map[string]string{
		"shop:1":                            "shop:1",
		"shop":                              "shop",
		"registry:5000/shop:1" + digest:     "registry:5000/shop" + digest,
		"registry:5000/shop" + digest:       "registry:5000/shop" + digest,
		"sha256:" + strings.Repeat("a", 64): "sha256:" + strings.Repeat("a", 64),
		"docker.io/library/shop:1" + digest: "shop" + digest,
	} {
		require.Equal(t, want, withoutTag(ref))
	}
}

func TestAnImageThatNobodyHas(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	engine := fakeEngine(t, map[string]http.HandlerFunc{"/images/create": fails(http.StatusNotFound, "manifest unknown")})
	_, err := engine.Image(t.Context(), "shop:1")
	require.ErrorIs(t, err, catalog.ErrNoImage)
	_, err = engine.Pull(t.Context(), "shop:1")
	require.ErrorIs(t, err, catalog.ErrNoImage)
	require.ErrorContains(t, err, "manifest unknown")
	_, err = engine.Push(t.Context(), "shop:1", nil)
	require.ErrorIs(t, err, catalog.ErrNoImage)
	require.ErrorIs(t, engine.Tag(t.Context(), "shop:1", "shop:2"), catalog.ErrNoImage)
}
