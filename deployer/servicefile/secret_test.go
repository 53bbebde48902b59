package servicefile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// withSecret writes a service file whose routed part has a secret from a source,
// and answers where it lies.
func withSecret(t *testing.T, source, environments string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "compose.yml")
	require.NoError(t, os.WriteFile(file, []byte(`
services: {web: {image: hello, ports: ["80"], secrets: [password]}}
secrets:
  password: `+source+`
x-teal:
  service: web
  environments: `+environments+`
`), 0o600))
	return file
}

const twoEnvironments = "{integration: {hosts: [ssh://local]}, production: {hosts: [ssh://local], secrets: {password: {variable: LIVE}}}}"

func TestSecretsHaveSourcesForEachEnvironment(t *testing.T) {
	file := withSecret(t, "{file: password}", twoEnvironments)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "password"), []byte("hunter2"), 0o600))

	spec, err := servicefile.Load(t.Context(), file, []string{"LIVE=hunter3"})

	require.NoError(t, err)
	is := func(content string) []catalog.File {
		return []catalog.File{{Path: "/run/secrets/password", Content: []byte(content), Mode: 0o444}}
	}
	require.Equal(t, map[string][]catalog.File{"": is("hunter2"), "production": is("hunter3")}, spec.Parts[0].Files)
	require.Empty(t, spec.Environments["production"].Missing)
	require.Empty(t, spec.Environments["integration"].Missing)
}

func TestMissingSecretIsOfTheEnvironmentsThatNeedIt(t *testing.T) {
	file := withSecret(t, "{file: password}", twoEnvironments)

	spec, err := servicefile.Load(t.Context(), file, []string{"LIVE=hunter3"})
	require.NoError(t, err)
	require.Empty(t, spec.Environments["production"].Missing)
	require.Equal(t, []string{
		file + ":4: environment integration needs secret password from the file password, which can't be read here: no such file or directory; put it there, or give it one of its own in x-teal.environments.integration.secrets",
	}, spec.Environments["integration"].Missing)

	said, err := servicefile.LintFile(t.Context(), file, nil)
	require.NoError(t, err)
	require.NoError(t, said.Err())
	require.Len(t, said.Warnings, 2)
	require.Contains(t, said.Warnings[0].Message, "environment integration needs secret password")
	require.Contains(t, said.Warnings[1].String(), "compose.yml:7: environment production needs secret password from the variable LIVE, which is not set here; set it, or")
}

func TestSecretsAreNotTold(t *testing.T) {
	load := func(password string) *servicefile.Spec {
		spec, err := servicefile.Load(t.Context(), withSecret(t, "{environment: PASSWORD}", twoEnvironments), []string{"PASSWORD=" + password})
		require.NoError(t, err)
		return spec
	}
	spec := load("hunter2")
	written, err := json.Marshal(spec)
	require.NoError(t, err)
	require.Contains(t, string(written), "/run/secrets/password")
	require.NotContains(t, string(written), "hunter2")
	require.NotContains(t, string(written), "aHVudGVyMg", "in base64")
	require.NotEqual(t, spec.Digest(), load("hunter3").Digest(), "what a secret holds belongs to the release")
}

func TestSecretsAreSmall(t *testing.T) {
	const most = 500 << 10
	for size, want := range map[int]string{most: "", most + 1: "which can't be read here: it is larger than 500 kB"} {
		file := withSecret(t, "{file: password}", "{production: {hosts: [ssh://local]}}")
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "password"), []byte(strings.Repeat("x", size)), 0o600))
		spec, err := servicefile.Load(t.Context(), file, nil)
		require.NoError(t, err)
		missing := spec.Environments["production"].Missing
		require.Equal(t, want == "", len(missing) == 0, "%v", missing)
		if want != "" {
			require.Contains(t, missing[0], want)
		}
	}
}

func TestSecretOfSomebodyElseIsGivenByEachEnvironment(t *testing.T) {
	_, err := servicefile.Load(t.Context(), withSecret(t, "{external: true}", twoEnvironments), nil)
	require.ErrorContains(t, err, "compose.yml:4: secret password is kept outside of the file, where Teal can't read it; give it a file: or environment:, or give integration one of its own in x-teal.environments.integration.secrets")

	spec, err := servicefile.Load(t.Context(), withSecret(t, "{external: true}", "{production: {hosts: [ssh://local], secrets: {password: {variable: LIVE}}}}"), []string{"LIVE=hunter3"})
	require.NoError(t, err)
	require.Empty(t, spec.Parts[0].Files[""])
	require.Equal(t, "hunter3", string(spec.Parts[0].Files["production"][0].Content))
}

func TestBuildContextIsBesideTheServiceFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "compose.yml")
	require.NoError(t, os.WriteFile(file, []byte(`
services: {web: {image: "hello:${TEAL_RELEASE}", build: app, ports: ["80"]}}
x-teal: {service: web, environments: {production: {hosts: [ssh://local]}}}
`), 0o600))
	spec, err := servicefile.Load(t.Context(), file, []string{"TEAL_RELEASE=1.0.0"})
	require.NoError(t, err)
	require.Equal(t, "hello:1.0.0", spec.Parts[0].Image)
	require.Equal(t, filepath.Join(filepath.Dir(file), "app"), spec.Parts[0].Build.Context)
}
