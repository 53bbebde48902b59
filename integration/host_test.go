//go:build integration

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/deployer/hosttest"
	"teal/docker"
	"teal/integration/testimage"
)

func TestDockerIsAHost(t *testing.T) {
	const image = "teal-test/host:v1"
	testimage.Build(t, image, "teal/integration/testimage/app")
	hosttest.Run(t, func(t *testing.T) hosttest.Host {
		engine, err := docker.New("")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, engine.Close()) })
		return engine
	}, image)
}
