package docker

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/registry"
	"github.com/stretchr/testify/require"
)

// loggedIn is a machine with that config.json.
func loggedIn(t *testing.T, config string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	if config != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600))
	}
}

func TestRegistryAuth(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("me:pass:word"))
	config := `{"auths":{"registry.example:5000":{"auth":"` + secret + `"},"https://index.docker.io/v1/":{"auth":"` + secret + `"},"kept.example":{}}}`
	want := registry.AuthConfig{Username: "me", Password: "pass:word"}
	for ref, server := range map[string]string{
		"registry.example:5000/team/web:1": "registry.example:5000",
		"nginx":                            hubKey,
		"other.example/web":                "",
		"kept.example/web":                 "",
	} {
		loggedIn(t, config)
		header, err := registryAuth(t.Context(), ref)
		require.NoError(t, err)
		if server == "" {
			require.Empty(t, header, ref)
			continue
		}
		got, err := registry.DecodeAuthConfig(header)
		require.NoError(t, err)
		want.ServerAddress = server
		require.Equal(t, &want, got, ref)
	}
}

func TestNobodyIsLoggedIn(t *testing.T) {
	loggedIn(t, "")
	header, err := registryAuth(t.Context(), "web")
	require.NoError(t, err)
	require.Empty(t, header)
}

func TestUnreadableCredentialsAreTold(t *testing.T) {
	loggedIn(t, `{"auths":{"r.example":{"auth":"%%%"}}}`)
	_, err := registryAuth(t.Context(), "r.example/web")
	require.ErrorContains(t, err, "docker login r.example")
	require.NotContains(t, err.Error(), "%%%")
	loggedIn(t, `{`)
	_, err = registryAuth(t.Context(), "web")
	require.ErrorContains(t, err, "read the registry credentials")
}

func TestACredentialHelperIsAsked(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	script := "#!/bin/sh\nread -r key\ncase $key in\n" +
		"known.example) echo '{\"Username\":\"me\",\"Secret\":\"s\"}';;\n" +
		"token.example) echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}';;\n" +
		"broken.example) exit 3;;\n" +
		"*) echo 'credentials not found in native keychain'; exit 1;;\nesac\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(script), 0o700))
	loggedIn(t, `{"credsStore":"test"}`)
	config, err := readCLIConfig()
	require.NoError(t, err)
	for key, want := range map[string]registry.AuthConfig{
		"known.example":   {Username: "me", Password: "s", ServerAddress: "known.example"},
		"token.example":   {IdentityToken: "t", ServerAddress: "token.example"},
		"unknown.example": {},
	} {
		got, err := config.credential(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = config.credential(t.Context(), "broken.example")
	require.ErrorContains(t, err, "docker-credential-test")
}
