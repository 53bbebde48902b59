package hosttest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func tellsItself(t *testing.T, w *world) {
	machine, err := w.host.Info(t.Context())
	require.NoError(t, err)
	require.Positive(t, machine.Cores)
	require.Greater(t, machine.Memory, int64(1<<20))
}

func knowsImages(t *testing.T, w *world) {
	digest, err := w.host.Pull(t.Context(), w.image)
	require.NoError(t, err)
	image, err := w.host.Image(t.Context(), w.image)
	require.NoError(t, err)
	require.Equal(t, digest, image.ID)
	require.Contains(t, image.Tags, w.image)

	repository, _, _ := strings.Cut(w.image, ":")
	all, err := w.host.Images(t.Context(), repository)
	require.NoError(t, err)
	require.Contains(t, idsOfImages(all), digest)
	all, err = w.host.Images(t.Context(), repository+"-not")
	require.NoError(t, err)
	require.Empty(t, all)

	_, err = w.host.Image(t.Context(), "no-such-image:"+strings.ToLower(w.mark))
	require.ErrorIs(t, err, catalog.ErrNoImage)
	require.ErrorContains(t, err, "no-such-image")
}

func idsOfImages(all []catalog.Image) []string {
	var ids []string
	for _, image := range all {
		ids = append(ids, image.ID)
	}
	return ids
}

func keepsUsedImages(t *testing.T, w *world) {
	spec := w.spec("web")
	image := w.get(w.create(spec)).ImageID
	err := w.host.RemoveImage(t.Context(), image)
	require.ErrorIs(t, err, catalog.ErrInUse)
	require.ErrorContains(t, err, spec.Name)
	still, err := w.host.Image(t.Context(), w.image)
	require.NoError(t, err)
	require.Equal(t, image, still.ID, "with its name")
	require.NoError(t, w.host.RemoveImage(t.Context(), "sha256:"+strings.Repeat("0", 64)), "one that is gone is fine")
}
