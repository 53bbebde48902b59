package servicefile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/deployer/servicefile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func indented(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(v))
	return b.String()
}

// here leaves out where the checkout lies.
func here(t *testing.T, text string) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	return strings.ReplaceAll(text, dir+"/", "")
}

func specFiles(t *testing.T, kind string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "spec", kind, "*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func TestLoadGood(t *testing.T) {
	for _, file := range specFiles(t, "good") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			spec, err := servicefile.Load(t.Context(), file, []string{"MONEY=green"})
			require.NoError(t, err)
			var warnings strings.Builder
			for _, w := range spec.Warnings {
				warnings.WriteString(w.String() + "\n")
			}
			golden(t, file+".golden", here(t, indented(t, spec)+warnings.String()))
		})
	}
}

func TestLoadTellsAllThatIsWrongInLineOrder(t *testing.T) {
	for _, file := range specFiles(t, "bad") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := servicefile.Load(t.Context(), file, nil)
			var wrong *servicefile.SpecError
			require.ErrorAs(t, err, &wrong)
			require.NotEmpty(t, wrong.Issues)
			for n := 1; n < len(wrong.Issues); n++ {
				require.LessOrEqual(t, wrong.Issues[n-1].Line, wrong.Issues[n].Line)
			}
			golden(t, file+".golden", here(t, err.Error()+"\n"))
		})
	}
}

func TestLoadMissingFile(t *testing.T) {
	_, err := servicefile.Load(t.Context(), filepath.Join(t.TempDir(), "compose.yml"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLoadReadsDotEnvBelowTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "compose.yml")
	require.NoError(t, os.WriteFile(file, []byte(`
services:
  web:
    image: hello:${TAG}
    user: ${WHO}
    ports: ["80"]
x-teal:
  service: web
  release: ${RELEASE:-}
  timeout: ${WAIT}
  environments: {production: {hosts: [ssh://local], replicas: "${N}"}}
`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("TAG=v1\nWHO=nobody\nWAIT=7s\nN=3\n"), 0o600))

	spec, err := servicefile.Load(t.Context(), file, []string{"TAG=v2", "RELEASE=r9"})

	require.NoError(t, err)
	require.Equal(t, "hello:v2", spec.Parts[0].Image)
	require.Equal(t, "nobody", spec.Parts[0].User)
	require.Equal(t, "r9", spec.Release)
	require.Equal(t, 7*time.Second, spec.Timeout)
	require.Equal(t, 3, spec.Environments["production"].Replicas)
}

func TestUnknownEnvironmentListsThoseThereAre(t *testing.T) {
	spec, err := servicefile.Load(t.Context(), "testdata/spec/good/full.yml", nil)
	require.NoError(t, err)
	_, err = spec.Environment("prod")
	require.ErrorContains(t, err, `no environment "prod"; it has integration, production`)
}

func TestTextsAreReadAsTheyAreWritten(t *testing.T) {
	for written, want := range map[string]string{
		"1.10": "1.10", "'1.10'": "1.10", "${RELEASE}": "1.10", "*version": "1.20", "0123456": "0123456", "12e4567": "12e4567", "2026-01-15": "2026-01-15",
	} {
		file := filepath.Join(t.TempDir(), "compose.yml")
		require.NoError(t, os.WriteFile(file, []byte(`
x-version: &version 1.20
services: {web: {image: hello, ports: ["80"]}}
x-teal:
  release: `+written+`
  owner: 7.50
  environments: {production: {hosts: [ssh://local]}}
`), 0o600))
		spec, err := servicefile.Load(t.Context(), file, []string{"RELEASE=1.10"})
		require.NoError(t, err)
		require.Equal(t, want, spec.Release)
		require.Equal(t, "7.50", spec.Owner)
	}
}

func TestTextThatIsNotSeenAsItIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "compose.yml")
	require.NoError(t, os.WriteFile(file, []byte(`
services: {web: {image: hello, ports: ["80"]}}
---
x-teal: {release: 1.10, environments: {production: {hosts: [ssh://local]}}}
`), 0o600))
	_, err := servicefile.Load(t.Context(), file, nil)
	require.ErrorContains(t, err, "x-teal.release must be a text, and is 1.1; write it in quotes")
}

func TestReleaseID(t *testing.T) {
	spec, err := servicefile.Load(t.Context(), "testdata/spec/good/small.yml", nil)
	require.NoError(t, err)
	const commit = "0123456789abcdef0123456789abcdef01234567"

	require.Equal(t, "v7", spec.ReleaseID("v7", commit))
	require.Equal(t, "0123456789ab", spec.ReleaseID("", commit))
	require.Len(t, spec.ReleaseID("", ""), 12)
	require.Contains(t, spec.Digest(), spec.ReleaseID("", ""))

	spec.Release = "r1"
	require.Equal(t, "r1", spec.ReleaseID("", commit))
	require.Equal(t, "v7", spec.ReleaseID("v7", commit))
}

func FuzzLoad(f *testing.F) {
	for _, kind := range []string{"good", "bad"} {
		files, _ := filepath.Glob(filepath.Join("testdata", "spec", kind, "*.yml"))
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, reads := range []string{"file", "include", "extends"} { // what the file points at is no matter of parsing
			if bytes.Contains(data, []byte(reads)) {
				t.Skip()
			}
		}
		file := filepath.Join(t.TempDir(), "compose.yml")
		require.NoError(t, os.WriteFile(file, data, 0o600))
		spec, err := servicefile.Load(t.Context(), file, nil)
		if err == nil {
			for _, env := range spec.Environments {
				require.NotNil(t, spec.In(env))
			}
			return
		}
		var wrong *servicefile.SpecError
		require.True(t, errors.As(err, &wrong), err)
		require.NotEmpty(t, wrong.Issues)
	})
}
