// Package testimage makes images for integration tests out of Go programs of
// this module, so that no registry is needed.
package testimage

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/client"
	"github.com/stretchr/testify/require"
)

// contentLabel names what an image was made of.
const contentLabel = "teal.testimage.content"

// Build makes an image that runs a main package of this module, such as
// "teal/cmd/teal", with the arguments before a container's own. It is loaded
// into the engine that DOCKER_HOST names, unless it is there already, and left
// there.
func Build(t testing.TB, tag, mainPackage string, args ...string) {
	t.Helper()
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	require.NoError(t, err)
	defer api.Close()
	require.NoError(t, load(t.Context(), api, tag, compile(t, mainPackage), args))
}

// compile builds the program so that it needs nothing else to run.
func compile(t testing.TB, mainPackage string) []byte {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "app")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, mainPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go build %s: %s", mainPackage, out)
	program, err := os.ReadFile(binary)
	require.NoError(t, err)
	return program
}

func load(ctx context.Context, api *client.Client, tag string, program []byte, args []string) error {
	dockerfile, err := dockerfile(args)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(append([]byte(dockerfile), program...))
	content := hex.EncodeToString(sum[:])
	if in, err := api.ImageInspect(ctx, tag); err == nil && in.Config != nil && in.Config.Labels[contentLabel] == content {
		return nil
	}
	files, err := archive(dockerfile, program)
	if err != nil {
		return err
	}
	answer, err := api.ImageBuild(ctx, files, build.ImageBuildOptions{
		Tags: []string{tag}, Remove: true, ForceRemove: true, Labels: map[string]string{contentLabel: content},
	})
	if err != nil {
		return fmt.Errorf("build image %s: %w", tag, err)
	}
	defer answer.Body.Close()
	return buildResult(answer.Body)
}

func dockerfile(args []string) (string, error) {
	entrypoint, err := json.Marshal(append([]string{"/app"}, args...))
	return fmt.Sprintf("FROM scratch\nCOPY app /app\nENTRYPOINT %s\n", entrypoint), err
}

func archive(dockerfile string, program []byte) (io.Reader, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name    string
		mode    int64
		content []byte
	}{{"Dockerfile", 0o644, []byte(dockerfile)}, {"app", 0o755, program}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	return &b, w.Close()
}

// buildResult reads what the engine says to its end, and answers the failure
// that it told of.
func buildResult(said io.Reader) error {
	decoder := json.NewDecoder(said)
	for {
		var line struct {
			Error string `json:"error"`
		}
		err := decoder.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the progress of the build: %w", err)
		case line.Error != "":
			return errors.New(line.Error)
		}
	}
}
