package process

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func shopPlatform() *Platform {
	return New(Options{Images: map[string]Image{
		"registry:5000/shop:1": {Command: []string{"shop"}}, "registry:5000/shop:latest": {Command: []string{"shop"}},
		"registry:5000/shop:2": {Command: []string{"shop", "2"}}, "db": {Command: []string{"db"}},
	}})
}

func TestImagesAreKnownByNameAndDigest(t *testing.T) {
	p := shopPlatform()
	id, err := p.Pull(t.Context(), "registry:5000/shop:1")
	require.NoError(t, err)
	want := catalog.Image{
		ID: id, Tags: []string{"registry:5000/shop:1", "registry:5000/shop:latest"}, Digests: []string{"registry:5000/shop@" + id},
	}
	for _, ref := range []string{"registry:5000/shop:1", "registry:5000/shop@" + id, id} {
		image, err := p.Image(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, want, image)
		pulled, err := p.Pull(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, id, pulled)
	}
	for _, ref := range []string{"registry:5000/shop", "db@" + id, "sha256:" + strings.Repeat("0", 64)} {
		_, err := p.Image(t.Context(), ref)
		require.ErrorIs(t, err, catalog.ErrNoImage)
	}
	all, err := p.Images(t.Context(), "registry:5000/shop")
	require.NoError(t, err)
	require.Len(t, all, 2, "each once")
	all, err = p.Images(t.Context(), "db")
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestARemovedImageIsGoneUntilItIsPulled(t *testing.T) {
	p := shopPlatform()
	image, err := p.Image(t.Context(), "db")
	require.NoError(t, err)
	id, err := p.Create(t.Context(), catalog.ContainerSpec{Name: "db", Image: "db"})
	require.NoError(t, err)
	require.ErrorIs(t, p.RemoveImage(t.Context(), image.ID), catalog.ErrInUse)
	require.NoError(t, p.Remove(t.Context(), id))

	require.NoError(t, p.RemoveImage(t.Context(), image.ID))
	require.NoError(t, p.RemoveImage(t.Context(), image.ID), "gone already")
	_, err = p.Image(t.Context(), "db")
	require.ErrorIs(t, err, catalog.ErrNoImage)
	all, err := p.Images(t.Context(), "db")
	require.NoError(t, err)
	require.Empty(t, all)
	_, err = p.Create(t.Context(), catalog.ContainerSpec{Name: "db", Image: "db"})
	require.ErrorContains(t, err, "pull it first")
	_, err = p.Image(t.Context(), "registry:5000/shop:1")
	require.NoError(t, err, "the others stay")

	_, err = p.Pull(t.Context(), "db")
	require.NoError(t, err)
	_, err = p.Image(t.Context(), "db")
	require.NoError(t, err)
}
