package main

import (
	"bytes"
	"errors"
	"fmt"
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
