package servicefile_test

import (
	"os"
	"path/filepath"
	"testing"

	"teal/deployer/servicefile"

	"github.com/stretchr/testify/require"
)

func TestDraftFindsTheRoutedPort(t *testing.T) {
	for compose, want := range map[string]string{
		"services: {web: {image: w, ports: ['80:8080']}}":                                              "part: web # takes the requests\n  port: 8080 #",
		"services: {web: {image: w, ports: ['53:53/udp', '10.0.0.5:80:8080/tcp']}}":                    "port: 8080 #",
		"services: {web: {image: w, ports: [{target: 53, protocol: udp}, {target: 8080}]}}":            "port: 8080 #",
		"services: {web: {image: w, expose: [8080]}}":                                                  "port: 8080 #",
		"services: {db: {image: d}, web: {image: w, ports: [8080]}}":                                   "part: web #",
		"name: My_Shop\nservices: {web: {image: w, ports: ['${PORT:-80}:8080']}}":                      "service: my-shop #",
		"x-a: &a {image: w}\nservices: {web: {<<: *a, ports: ['8080']}}":                               "port: 8080 #",
		"services: {web: {image: w, ports: ['8080']}}\nnetworks: {a: {}}\nsecrets: {s: {file: f}}":     "secrets: {s: {file: f}}",
		"services: {web: {image: w, ports: ['8080'], hostname: w, mem_limit: 1g, network_mode: host}}": "port: 8080 #",
	} {
		draft, err := servicefile.NewDraft(servicefile.DraftOptions{Compose: []byte(compose)})
		require.NoError(t, err, compose)
		require.Contains(t, string(draft.Text), want, compose)
		sound(t, draft)
	}
}

func TestDraftShowsWhatThereIs(t *testing.T) {
	const compose = "services: {web: {image: w, ports: ['8080'], secrets: [db_password]}}\nsecrets: {db_password: {environment: DB_PASSWORD}}"
	draft, err := servicefile.NewDraft(servicefile.DraftOptions{Compose: []byte(compose)})
	require.NoError(t, err)
	draft.Text = switchedOff.ReplaceAll(draft.Text, []byte("$1$2"))
	draft.Text = append(draft.Text, "    integration: {hosts: [ssh://local]}\n"...)

	file := filepath.Join(t.TempDir(), "compose.yaml")
	require.NoError(t, os.WriteFile(file, draft.Text, 0o600))
	spec, err := servicefile.Load(t.Context(), file, []string{"DB_PASSWORD=hunter2", "TEAL_RELEASE=1.0.0"})
	require.NoError(t, err, "%s", draft.Text)
	require.Len(t, spec.Tasks, 1)
	require.NotNil(t, spec.Canary)
	require.NotNil(t, spec.Bake)
	require.NotNil(t, spec.Gates.Test)
	require.Len(t, spec.Notify, 1)
	require.Equal(t, "integration", spec.Environments["production"].Requires)
	require.Equal(t, 5, spec.Environments["production"].Keep)
	require.NotNil(t, spec.Environments["production"].Approval)
}

func TestDraftTakesThePortItIsTold(t *testing.T) {
	for _, compose := range []string{
		"services: {web: {image: w}}", "services: {web: {image: w, ports: ['80']}}", "services: {web: {image: w, ports: ['80:3000']}}",
	} {
		draft, err := servicefile.NewDraft(servicefile.DraftOptions{Compose: []byte(compose), Port: 3000})
		require.NoError(t, err, compose)
		require.Contains(t, string(draft.Text), "port: 3000 #", compose)
		sound(t, draft)
	}
}

func TestDraftKeepsTheAddressesOfPorts(t *testing.T) {
	for port, want := range map[string]string{
		"'127.0.0.1:5432:5432/tcp'":                     `"127.0.0.1::5432/tcp"`,
		"'127.0.0.1::5432'":                             `'127.0.0.1::5432'`,
		"'[::1]:5432:5432'":                             `"[::1]::5432"`,
		"'${IP:-127.0.0.1}:${PORT:-5432}:5432'":         `"${IP:-127.0.0.1}::5432"`,
		"{target: 1, published: 2, host_ip: 127.0.0.1}": `{target: 1, host_ip: 127.0.0.1}`,
	} {
		draft, err := servicefile.NewDraft(servicefile.DraftOptions{
			Compose: []byte("services: {web: {image: w, ports: ['8080']}, db: {image: d, ports: [" + port + "]}}"), Part: "web",
		})
		require.NoError(t, err, port)
		require.Contains(t, string(draft.Text), "ports: ["+want+"]", port)
		sound(t, draft)
	}
}

func TestDraftKeepsLimits(t *testing.T) {
	for deploy, want := range map[string][]string{
		"{replicas: 3, resources: {limits: {memory: 1g}, reservations: {memory: 1g}}}": {
			"deploy.replicas of part web: Teal starts it without", "deploy.resources.reservations of part web: Teal starts it without",
		},
		"{resources: {limits: {memory: 1g}}}": nil,
	} {
		draft, err := servicefile.NewDraft(servicefile.DraftOptions{Compose: []byte("services: {web: {image: w, ports: ['8080'], deploy: " + deploy + "}}")})
		require.NoError(t, err, deploy)
		require.Contains(t, string(draft.Text), "deploy: {resources: {limits: {memory: 1g}}}", deploy)
		require.Equal(t, want, draft.LeftOut, deploy)
		sound(t, draft)
	}
	for _, deploy := range []string{"{replicas: 3}", "{}", "{resources: {reservations: {devices: [{capabilities: [gpu]}]}}}"} {
		draft, err := servicefile.NewDraft(servicefile.DraftOptions{Compose: []byte("services: {web: {image: w, ports: ['8080'], deploy: " + deploy + "}}")})
		require.NoError(t, err, deploy)
		require.NotContains(t, string(draft.Text), "deploy:", deploy)
		sound(t, draft)
	}
}

func TestDraftIsRestartedAsItWillBe(t *testing.T) {
	draft, err := servicefile.NewDraft(servicefile.DraftOptions{Compose: []byte("services: {web: {image: w, ports: ['8080'], restart: always}}")})
	require.NoError(t, err)
	require.Contains(t, string(draft.Text), "restart: unless-stopped")
	sound(t, draft)
}

func TestDraftKeepsVariables(t *testing.T) {
	t.Setenv("SECRET", "hunter2")
	draft, err := servicefile.NewDraft(servicefile.DraftOptions{Compose: []byte("services: {web: {image: w, ports: [80], environment: {S: '${SECRET}'}}}")})
	require.NoError(t, err)
	require.Contains(t, string(draft.Text), "${SECRET}")
	require.NotContains(t, string(draft.Text), "hunter2")
}

func TestDraftSaysWhatItCantBegin(t *testing.T) {
	for compose, want := range map[string]string{
		"":                              "has no services",
		"[]":                            "has no services",
		"services: {web: {image: w}}":   "no compose service has ports",
		"services: {web: }":             "no compose service has ports",
		"services: {web: {image: w}":    "read the Compose file",
		"x-teal: {}\nservices: {a: {}}": "is a service file already",
		"services: {a: {image: w}, b: {image: w, ports: ['1-2']}}": "no compose service has ports",
	} {
		_, err := servicefile.NewDraft(servicefile.DraftOptions{Compose: []byte(compose)})
		require.ErrorContains(t, err, want, compose)
	}
}

// sound holds a draft to what a deployment takes.
func sound(t *testing.T, draft servicefile.Draft) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "compose.yaml")
	require.NoError(t, os.WriteFile(file, draft.Text, 0o600))
	said, err := servicefile.LintFile(t.Context(), file, nil)
	require.NoError(t, err)
	require.NoError(t, said.Err(), "%s", draft.Text)
	require.Empty(t, said.Warnings, "%s", draft.Text)
}

func FuzzNewDraft(f *testing.F) {
	f.Add([]byte("services: {web: {image: w, ports: ['${PORT:-80}:8080', {target: 1}]}}"), 0)
	f.Add([]byte("x-a: &a {image: w}\nservices: {web: {<<: *a, ports: [*a]}}"), 80)
	f.Add([]byte("services: &s {web: *s}"), 80)
	f.Fuzz(func(t *testing.T, compose []byte, port int) {
		first, err := servicefile.NewDraft(servicefile.DraftOptions{Compose: compose, Port: port})
		again, errAgain := servicefile.NewDraft(servicefile.DraftOptions{Compose: compose, Port: port})
		require.Equal(t, err == nil, errAgain == nil)
		require.Equal(t, string(first.Text), string(again.Text))
	})
}
