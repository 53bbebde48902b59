package process

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// filePlatform is one with an image, and a function that ends it.
func filePlatform(t *testing.T) (*Platform, func()) {
	p := New(Options{Images: map[string]Image{"env": {Command: []string{"/usr/bin/env"}}}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return p, func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func withFile(name, folder, path string) catalog.ContainerSpec {
	return catalog.ContainerSpec{
		Name: name, Image: "env", WorkingDir: folder, Files: []catalog.File{{Path: path, Content: []byte("hidden"), Mode: 0o640}},
	}
}

func TestFilesGoWithTheirProcess(t *testing.T) {
	p, end := filePlatform(t)
	folder := t.TempDir()
	one, two := filepath.Join(folder, "run", "one"), filepath.Join(folder, "two")
	id, err := p.Create(t.Context(), withFile("one", folder, one))
	require.NoError(t, err)
	_, err = p.Create(t.Context(), withFile("two", folder, two))
	require.NoError(t, err)
	content, err := os.ReadFile(one)
	require.NoError(t, err)
	require.Equal(t, "hidden", string(content))
	info, err := os.Stat(one)
	require.NoError(t, err)
	require.Equal(t, "-rw-r-----", info.Mode().String())

	require.NoError(t, p.Remove(t.Context(), id))
	require.NoFileExists(t, one)
	require.FileExists(t, two)
	end()
	require.NoFileExists(t, two, "with the platform too")
}

func TestFilesThatAProcessCannotHave(t *testing.T) {
	p, end := filePlatform(t)
	defer end()
	folder, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(folder, "link")))
	there := filepath.Join(folder, "there")
	require.NoError(t, os.WriteFile(there, []byte("its user's"), 0o600))
	for _, test := range []struct{ folder, path, want string }{
		{"", "/run/secrets/token", "use Docker"},
		{folder, "/run/secrets/token", "use Docker"},
		{folder, filepath.Join(folder, "..", "token"), "use Docker"},
		{folder, folder, "use Docker"},
		{filepath.Join(folder, "none"), filepath.Join(folder, "none", "token"), "open the working folder"},
		{folder, filepath.Join(folder, "link", "token"), "escapes"},
		{folder, there, "exists"},
	} {
		spec := withFile("web", test.folder, test.path)
		spec.Files = append(withFile("", folder, filepath.Join(folder, "good")).Files, spec.Files...)
		if test.folder != folder {
			spec.Files = spec.Files[1:]
		}
		_, err := p.Create(t.Context(), spec)
		require.ErrorContains(t, err, test.want, test.path)
		require.ErrorContains(t, err, "create process web: write file "+test.path)
		require.NoFileExists(t, filepath.Join(folder, "good"), "nothing is left")
	}
	all, err := p.Containers(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
	content, err := os.ReadFile(there)
	require.NoError(t, err)
	require.Equal(t, "its user's", string(content))
}
