package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// pipelineFile is a service file with one environment. It answers its path.
func pipelineFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "compose.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
services:
  web:
    image: shop/web:1
    ports: ["8080"]
x-teal:
  service: web
  environments:
    production: {hosts: ["tcp://127.0.0.1:1"]}
`), 0o600))
	return path
}

func TestPipelineWritesItsOutcomeLast(t *testing.T) {
	s := newShop(t)
	code, said := s.teal("pipeline --dry-run --json --file " + pipelineFile(t))
	require.Equal(t, exitDone, code, said)
	all := decoded(t, said)
	last := all[len(all)-1]
	require.Equal(t, "outcome", last.Kind)
	require.Equal(t, exitDone, *last.Exit)
	for _, l := range all[:len(all)-1] {
		require.Equal(t, "said", l.Kind)
	}
}

func TestPipelineEndsWithItsLastDeployment(t *testing.T) {
	t.Parallel()
	awaiting := &deployer.Awaiting{Deployment: "d2"}
	for name, c := range map[string]struct {
		record catalog.Deployment
		err    error
		exit   int
	}{
		"live":   {record: catalog.Deployment{ID: "d2", State: catalog.Succeeded}},
		"waits":  {record: catalog.Deployment{ID: "d2", State: catalog.AwaitingApproval}, err: awaiting, exit: exitAwaiting},
		"failed": {record: catalog.Deployment{ID: "d2", State: catalog.Failed}, err: errors.New("no"), exit: exitError},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			p := &pipeline{out: newJSONOutput(&out)}
			require.NoError(t, p.live(stepDeploy, catalog.Deployment{ID: "d1", State: catalog.Succeeded}, nil))
			err := p.live(stepPromote, c.record, c.err)
			if err == nil {
				p.through()
			} else {
				err = p.end(stepPromote, err)
			}
			require.Equal(t, c.exit, exitCode(err))
			all := decoded(t, out.String())
			last := all[len(all)-1]
			require.Equal(t, "outcome", last.Kind)
			require.Equal(t, c.exit, *last.Exit)
			if c.exit != exitError {
				require.Equal(t, "d2", last.Record.ID)
			}
		})
	}
}
