package servicefile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// whole loads the service file that says all there is.
func whole(t *testing.T) *Spec {
	t.Helper()
	spec, err := Load(t.Context(), "testdata/spec/good/whole.yml", nil)
	require.NoError(t, err)
	return spec
}

func TestEnvironmentSaysItsOwn(t *testing.T) {
	spec := whole(t)
	staging := spec.In(spec.Environments["staging"])

	require.Equal(t, []Smoke{{Path: "/login"}}, staging.Gates.Smoke)
	require.Equal(t, spec.Gates.Outside, staging.Gates.Outside)
	require.Equal(t, "registry.example/tests:1", staging.Gates.Test.Name())
	require.Nil(t, staging.Canary)
	require.Equal(t, DefaultBake, staging.Bake.For)
	require.Equal(t, []Notify{{Kind: NotifyWebhook, Variable: "HOOK", When: NotifyChange}}, staging.Notify)
}

func TestEnvironmentSwitchesOff(t *testing.T) {
	spec := whole(t)
	integration := spec.In(spec.Environments["integration"])

	require.Equal(t, []string{"task migrate", "task seed"}, integration.Tests(), "tasks belong to the release")
	require.Nil(t, integration.Bake)
	require.Empty(t, integration.Notify)
	require.Nil(t, integration.Canary, "there is no second colour")
	require.Equal(t, spec.Tasks, integration.Tasks)
}

func TestEnvironmentLeavesTheFileAlone(t *testing.T) {
	spec := whole(t)
	production := spec.In(spec.Environments["production"])

	require.Equal(t, []int{10, 100}, production.Canary.Steps)
	require.Equal(t, spec.Bake, production.Bake)
	require.Equal(t, spec.Gates, production.Gates)
	require.Equal(t, []int{5, 25, 100}, spec.Canary.Steps)
	require.Equal(t, spec.Digest(), whole(t).Digest())
}
