package docker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/registry"
)

// hubKey is what the Docker CLI calls Docker Hub in its configuration.
const hubKey = "https://index.docker.io/v1/"

// cliConfig is the part of the Docker CLI's config.json that says who may pull.
type cliConfig struct {
	Auths       map[string]registry.AuthConfig `json:"auths"`
	CredsStore  string                         `json:"credsStore"`
	CredHelpers map[string]string              `json:"credHelpers"`
}

// registryAuth is the credential for the registry of an image, as `docker login`
// left it on this machine, in the form that the engine wants; empty for none.
func registryAuth(ctx context.Context, ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", err
	}
	config, err := readCLIConfig()
	if err != nil {
		return "", err
	}
	key := reference.Domain(named)
	if key == "docker.io" {
		key = hubKey
	}
	auth, err := config.credential(ctx, key)
	if err != nil || auth == (registry.AuthConfig{}) {
		return "", err
	}
	return registry.EncodeAuthConfig(auth)
}

func readCLIConfig() (cliConfig, error) {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return cliConfig{}, nil // a user without a home has never logged in
		}
		dir = filepath.Join(home, ".docker")
	}
	var config cliConfig
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return config, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		return config, fmt.Errorf("read the registry credentials: %w", err)
	}
	return config, nil
}

// credential finds what is known of a registry: a helper's answer where one is
// configured, else what lies in the file.
func (c cliConfig) credential(ctx context.Context, key string) (registry.AuthConfig, error) {
	helper := c.CredHelpers[hostOf(key)]
	if helper == "" {
		helper = c.CredsStore
	}
	if helper != "" {
		return askHelper(ctx, helper, key)
	}
	for name, auth := range c.Auths {
		if name == key || hostOf(name) == hostOf(key) {
			return decodeAuth(auth, key)
		}
	}
	return registry.AuthConfig{}, nil
}

// hostOf is the registry's host in "https://host/v1/" or "host".
func hostOf(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ := strings.Cut(key, "/")
	return host
}

// decodeAuth takes the user and password out of the base64 text they lie in.
func decodeAuth(auth registry.AuthConfig, key string) (registry.AuthConfig, error) {
	if auth == (registry.AuthConfig{}) {
		return auth, nil // the mark of a login that a helper keeps
	}
	auth.ServerAddress = key
	if auth.Auth == "" {
		return auth, nil
	}
	text, err := base64.StdEncoding.DecodeString(auth.Auth)
	user, password, ok := strings.Cut(string(text), ":")
	if err != nil || !ok {
		return registry.AuthConfig{}, fmt.Errorf("the credential of %s is unreadable; run docker login %s again", key, hostOf(key))
	}
	auth.Username, auth.Password, auth.Auth = user, strings.TrimRight(password, "\x00"), ""
	return auth, nil
}

// askHelper runs docker-credential-<helper>, as the Docker CLI does. A helper
// that knows nothing of the registry is fine.
func askHelper(ctx context.Context, helper, key string) (registry.AuthConfig, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker-credential-"+helper, "get")
	cmd.Stdin, cmd.Stdout = strings.NewReader(key), &out
	if err := cmd.Run(); err != nil {
		if strings.Contains(out.String(), "credentials not found") {
			return registry.AuthConfig{}, nil
		}
		return registry.AuthConfig{}, fmt.Errorf("ask docker-credential-%s for %s: %w", helper, key, err)
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return registry.AuthConfig{}, fmt.Errorf("the answer of docker-credential-%s for %s is unreadable: %w", helper, key, err)
	}
	if answer.Username == "<token>" { // the protocol's mark of an identity token
		return registry.AuthConfig{IdentityToken: answer.Secret, ServerAddress: key}, nil
	}
	return registry.AuthConfig{Username: answer.Username, Password: answer.Secret, ServerAddress: key}, nil
}
