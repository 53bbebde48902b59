package process_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/deployer/hosttest"
	"teal/deployer/hosttest/program"
	"teal/dev/process"
)

// asProgram makes this test binary the program of an image.
const asProgram = "host-test-program"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asProgram {
		os.Exit(program.Main(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == asPlatform {
		os.Exit(platformMain())
	}
	os.Exit(m.Run())
}

const image = "hosttest:v1"

// images are this test binary, as a program.
func images(t *testing.T) map[string]process.Image {
	self, err := os.Executable()
	require.NoError(t, err)
	return map[string]process.Image{image: {Command: []string{self, asProgram}, Env: map[string]string{"FROM_IMAGE": "yes"}}}
}

// newPlatform is a platform that runs until the test has ended.
func newPlatform(t *testing.T) *process.Platform {
	p := process.New(process.Options{Images: images(t), Grace: 5 * time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return p
}

func TestPlatformIsAHost(t *testing.T) {
	hosttest.Run(t, func(t *testing.T) hosttest.Host { return newPlatform(t) }, image)
}
