package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

func TestExitCodes(t *testing.T) {
	for want, err := range map[int]error{
		exitDone:      nil,
		exitError:     errors.New("no"),
		exitUsage:     fmt.Errorf("read it: %w", &servicefile.SpecError{}),
		exitUntouched: fmt.Errorf("deploy: %w", &deployer.Failure{BeforeFlip: true}),
		exitBusy:      fmt.Errorf("deploy: %w", catalog.ErrLocked),
	} {
		require.Equal(t, want, exitCode(err), "%v", err)
	}
	require.Equal(t, exitUsage, exitCode(usageError{errors.New("no")}))
	require.Equal(t, exitError, exitCode(&deployer.Failure{}))
}

func TestWrongUsageEndsWithItsCode(t *testing.T) {
	for _, line := range []string{
		"explode", "deploy --colour blue", "rollback", "flip web production blue-", "flip web production blue-production --wait long", "deploy --file /nowhere/compose.yaml", "status web --log-level loud",
	} {
		var out bytes.Buffer
		require.Equal(t, exitUsage, run(strings.Fields(line), &out, &out), "%s: %s", line, out.String())
	}
}

func TestRevisionIsTheOneCheckedOut(t *testing.T) {
	require.Equal(t, "abc", revisionOf(t.Context(), "abc", "deploy.go"))
	require.Empty(t, revisionOf(t.Context(), "", filepath.Join(t.TempDir(), "compose.yaml")))

	dir := t.TempDir()
	for _, line := range []string{"init -q", "-c user.name=t -c user.email=t@t.example commit -q --allow-empty -m one"} {
		git := exec.CommandContext(t.Context(), "git", strings.Fields(line)...)
		git.Dir = dir
		out, err := git.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.Regexp(t, "^[0-9a-f]{40}$", revisionOf(t.Context(), "", filepath.Join(dir, "compose.yaml")))
}
