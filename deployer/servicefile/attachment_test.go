package servicefile_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"teal/deployer/servicefile"

	"github.com/stretchr/testify/require"
)

// withPage loads a service file that shows page during maintenance.
func withPage(t *testing.T, dir, page string) (*servicefile.Spec, error) {
	t.Helper()
	file := filepath.Join(dir, "compose.yml")
	require.NoError(t, os.WriteFile(file, []byte(`
services: {web: {image: hello, ports: ["80"]}}
x-teal:
  service: web
  traffic: {maintenance_page: "`+page+`"}
  environments: {production: {hosts: [ssh://local]}}
`), 0o600))
	return servicefile.Load(t.Context(), file, nil)
}

func TestPageIsReadFromBesideTheServiceFile(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page.html")
	before, err := withPage(t, dir, "")
	require.NoError(t, err)
	require.Empty(t, before.Traffic)

	require.NoError(t, os.WriteFile(page, []byte("<h1>one</h1>"), 0o600))
	one, err := withPage(t, dir, "page.html")
	require.NoError(t, err)
	require.Equal(t, "<h1>one</h1>", one.Traffic.MaintenancePage)

	require.NoError(t, os.WriteFile(page, []byte("<h1>two</h1>"), 0o600))
	two, err := withPage(t, dir, page)
	require.NoError(t, err)
	require.NotEqual(t, one.Digest(), two.Digest(), "what the file names belongs to it")
}

func TestPageMustFitIntoConsul(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page.html")
	require.NoError(t, os.WriteFile(page, []byte(strings.Repeat("<", 64<<10)), 0o600))
	_, err := withPage(t, dir, "page.html")
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(page, []byte(strings.Repeat("<", 64<<10+1)), 0o600))
	_, err = withPage(t, dir, "page.html")
	require.ErrorContains(t, err, `compose.yml:5: x-teal.traffic.maintenance_page can't be read from "page.html": it is larger than 64 kB`)
}

func TestPageIsNoPipe(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "page.html"), 0o600))
	_, err := withPage(t, dir, "page.html")
	require.ErrorContains(t, err, "it is no regular file")
}
