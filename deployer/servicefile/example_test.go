package servicefile_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"teal/deployer/servicefile"

	"github.com/stretchr/testify/require"
)

// switchedOff are the settings that the example shows in comments.
var switchedOff = regexp.MustCompile(`(?m)^( +)#([a-z])`)

func TestExampleIsSound(t *testing.T) {
	text, err := os.ReadFile("../../examples/shop/compose.yaml")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "maintenance.html"), []byte("<h1>Back soon</h1>"), 0o600))
	file := filepath.Join(dir, "compose.yaml")
	require.NoError(t, os.WriteFile(file, switchedOff.ReplaceAll(text, []byte("$1$2")), 0o600))

	plain, err := servicefile.Load(t.Context(), "../../examples/shop/compose.yaml", nil)
	require.NoError(t, err)
	require.Empty(t, plain.Warnings)
	require.Empty(t, plain.Preview)

	whole, err := servicefile.Load(t.Context(), file, nil)
	require.NoError(t, err)
	require.Empty(t, whole.Warnings)
	require.Len(t, whole.Preview, 1)
	require.Len(t, whole.Routes, 2)
	require.NotEmpty(t, whole.Traffic.MaintenancePage)
	require.NotNil(t, whole.Traffic.Sticky)
}
