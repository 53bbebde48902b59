package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
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

// pruneOnly is the command that does nothing but prune.
const pruneOnly = "pipeline --skip lint,build,test,push,plan,deploy,verify,promote,confirm --file "

func TestPipelineNotesWhatItCouldNotPrune(t *testing.T) {
	s := newShop(t)
	lost := catalog.Deployment{ID: "20260102t010000.000z-aaaaaa", Service: "web", Environment: "production", Hosts: []string{"tcp://127.0.0.1:1"}}.
		Enter(catalog.Failed, time.Now(), "")
	s.put("kv/teal/deployments/web/production/"+lost.ID, string(lost.Encode()))
	code, said := s.teal(pruneOnly + pipelineFile(t))
	require.Equal(t, exitDone, code, said)
	require.Regexp(t, `note +left in production: .*127\.0\.0\.1:1`, said)
	require.Contains(t, said, "0 containers and 0 records are gone, and not all that could go")
	code, said = s.teal("prune web")
	require.Equal(t, exitError, code, said)
}

func TestPipelineFoldsItsSteps(t *testing.T) {
	for _, name := range []string{"CI", "GITLAB_CI", "TEAMCITY_VERSION", "TF_BUILD"} {
		t.Setenv(name, "")
	}
	t.Setenv("GITHUB_ACTIONS", "true")
	s := newShop(t)
	code, said := s.teal(pruneOnly + pipelineFile(t))
	require.Equal(t, exitDone, code, said)
	require.Regexp(t, `step 9 of 11 is left out\n::group::step 10 of 11: prune\n[^\n]* gone\n::endgroup::\n[^\n]*report +prune: `, said)
}

func TestPipelineNotesThatItCouldNotPrune(t *testing.T) {
	s := newShop(t)
	s.recorded(1, catalog.Failed, "")
	store, err := consul.New(consul.Options{Address: s.world.StoreAddr()})
	require.NoError(t, err)
	session, _, err := store.Lock(t.Context(), "web", "production", catalog.LockRecord{Holder: "bob@ci"})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Unlock(t.Context(), "web", "production", session)) }()
	code, said := s.teal(pruneOnly + pipelineFile(t))
	require.Equal(t, exitDone, code, said)
	require.Regexp(t, `note +left in production: .*bob@ci`, said)
}

func TestPipelineKeepsAsManyRecordsAsItIsTold(t *testing.T) {
	s := newShop(t)
	file := pipelineFile(t)
	for hour := range 3 {
		s.recorded(hour, catalog.Failed, "")
	}
	code, said := s.teal(pruneOnly + file)
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, "0 records are gone")
	_, said = s.teal(pruneOnly + file + " --keep 2")
	require.Contains(t, said, "1 records are gone")
	code, said = s.teal(pruneOnly + file + " --keep 0")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "--keep 0 is less than one release")
}
