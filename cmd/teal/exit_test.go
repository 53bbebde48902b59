package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

func TestExitCodes(t *testing.T) {
	for want, err := range map[int]error{
		exitDone:      nil,
		exitError:     errors.New("no"),
		exitUsage:     fmt.Errorf("read it: %w", &deployer.SpecError{}),
		exitUntouched: fmt.Errorf("deploy: %w", &deployer.Failure{BeforeFlip: true}),
		exitBusy:      fmt.Errorf("deploy: %w", catalog.ErrLocked),
	} {
		require.Equal(t, want, exitCode(err), "%v", err)
	}
	require.Equal(t, exitUsage, exitCode(usageError{errors.New("no")}))
	require.Equal(t, exitError, exitCode(&deployer.Failure{}))
}
