package integration

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An arrow is where a room's imports may point, beside the standard library:
// other rooms, and the SDKs that it alone knows. A room is a top-level folder;
// tests may import what they need.
var arrows = map[string][]string{
	"teal/catalog":     {},
	"teal/templates":   {},
	"teal/fleet":       {"teal/catalog"},
	"teal/measure":     {"teal/catalog"},
	"teal/router":      {"teal/catalog", "teal/fleet", "teal/measure", "teal/templates"},
	"teal/registrator": {"teal/catalog"},
	"teal/deployer":    {"teal/catalog", "teal/fleet", "teal/measure"},
	"teal/consul":      {"teal/catalog", consulSDK},
	"teal/docker":      {"teal/catalog", dockerSDK},
	"teal/registry":    {"teal/catalog", registrySDK},
	"teal/dev":         {"teal/catalog", "teal/fleet", "teal/measure", "teal/router", "teal/registrator", "teal/deployer", "teal/consul", "teal/docker", "teal/registry"},
	"teal/cmd": {
		"teal/catalog", "teal/fleet", "teal/measure", "teal/router", "teal/registrator", "teal/deployer", "teal/consul", "teal/docker", "teal/registry", "teal/dev",
	},
	"teal/integration": {"teal", dockerSDK, consulSDK},
	"teal/examples":    {},
	"teal/bench":       {"teal"},
}

const (
	consulSDK   = "github.com/hashicorp/consul"
	dockerSDK   = "github.com/docker"
	registrySDK = "github.com/google/go-containerregistry"
)

// pkg is what `go list` tells of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		room := roomOf(p.ImportPath)
		allowed, known := arrows[room]
		require.True(t, known, "%s is in no room of the architecture; see docs/ARCHITECTURE.md", p.ImportPath)
		for _, imported := range p.Imports {
			if watched(imported) && !within(imported, room) {
				require.True(t, withinAny(imported, allowed), "%s may not import %s", p.ImportPath, imported)
			}
		}
	}
}

// inner are the arrows between the rooms inside the deployer's, which its state
// machine is made of: none of them knows it, and the platform of Docker engines
// knows of a deployment what any other platform would.
var inner = map[string][]string{
	"teal/deployer/servicefile":      {},
	"teal/deployer/printable":        {},
	"teal/deployer/timing":           {},
	"teal/deployer/revision":         {},
	"teal/deployer/plan":             {"teal/deployer/servicefile"},
	"teal/deployer/work":             {"teal/deployer/plan", "teal/deployer/servicefile"},
	"teal/deployer/hosts":            {"teal/deployer/plan", "teal/deployer/servicefile", "teal/deployer/timing", "teal/deployer/work"},
	"teal/deployer/images":           {"teal/deployer/printable", "teal/deployer/revision", "teal/deployer/servicefile", "teal/deployer/timing"},
	"teal/deployer/notify":           {"teal/deployer/printable", "teal/deployer/servicefile", "teal/deployer/timing"},
	"teal/deployer/hosttest":         {"teal/deployer/hosts", "teal/deployer/hosttest/program"},
	"teal/deployer/hosttest/program": {},
}

func TestRoomsOfTheDeployerPointOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		if !strings.HasPrefix(p.ImportPath, "teal/deployer/") {
			continue
		}
		allowed, known := inner[p.ImportPath]
		require.True(t, known, "%s is no known room of the deployer's", p.ImportPath)
		for _, imported := range p.Imports {
			if within(imported, "teal/deployer") {
				require.Contains(t, allowed, imported, "%s may not import %s", p.ImportPath, imported)
			}
		}
	}
}

// The vocabulary depends on the standard library alone.
func TestCatalogNeedsOnlyTheStandardLibrary(t *testing.T) {
	for _, p := range listPackages(t) {
		if roomOf(p.ImportPath) != "teal/catalog" {
			continue
		}
		for _, imported := range p.Imports {
			first, _, _ := strings.Cut(imported, "/")
			require.NotContains(t, first, ".", "%s imports %s", p.ImportPath, imported)
		}
	}
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "teal/...").Output()
	require.NoError(t, err)
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	var list []pkg
	for {
		var p pkg
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		list = append(list, p)
	}
}

// roomOf is the top-level folder of a package, as an import path.
func roomOf(path string) string {
	parts := strings.SplitN(path, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// watched tells whether an import is one that arrows speak about.
func watched(path string) bool {
	return withinAny(path, []string{"teal", consulSDK, dockerSDK, registrySDK})
}

func withinAny(path string, rooms []string) bool {
	for _, room := range rooms {
		if within(path, room) {
			return true
		}
	}
	return false
}

func within(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }
