package plan_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/servicefile"
)

var update = flag.Bool("update", false, "x")

// requireGolden compares what v is as JSON with a file of testdata.
func requireGolden(t *testing.T, file string, v any) {
	t.Helper()
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(v))
	if *update {
		require.NoError(t, os.WriteFile(file, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

func TestOf(t *testing.T) {
	for _, tt := range []struct{ file, env string }{
		{"full", "production"}, {"full", "integration"}, {"ports", "production"}, {"addresses", "production"}, {"traffic", "production"},
	} {
		t.Run(tt.file+" "+tt.env, func(t *testing.T) {
			spec, err := servicefile.Load(t.Context(), "../servicefile/testdata/spec/good/"+tt.file+".yml", nil)
			require.NoError(t, err)
			env, err := spec.Environment(tt.env)
			require.NoError(t, err)
			target := catalog.Target{Environment: tt.env}
			if env.Coloured {
				target.Colour = catalog.Green
			}
			plan := plan.Of(spec, env, plan.Placement{Target: target, Release: "r1", Revision: "abc", Deployment: "d1"})
			requireGolden(t, "testdata/"+tt.file+"-"+tt.env+".golden", plan)
		})
	}
}

func TestSpecDigestLabelKnowsNoDeployment(t *testing.T) {
	spec, err := servicefile.Load(t.Context(), "../servicefile/testdata/spec/good/small.yml", nil)
	require.NoError(t, err)
	place := func(deployment, release string) string {
		plan := plan.Of(spec, spec.Environments["production"], plan.Placement{
			Target: catalog.Target{Colour: catalog.Blue, Environment: "production"}, Release: release, Deployment: deployment,
		})
		return plan.Containers[0].Labels[catalog.LabelSpec]
	}
	require.Equal(t, place("d1", "r1"), place("d2", "r1"))
	require.NotEqual(t, place("d1", "r1"), place("d1", "r2"))
}

// FuzzOf: whatever file is sound can be planned for.
func FuzzOf(f *testing.F) {
	files, err := filepath.Glob("../servicefile/testdata/spec/good/*.yml")
	if err != nil || len(files) == 0 {
		f.Fatal("no service files to begin with", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, reads := range []string{"file", "include", "extends"} { // what the file points at is no matter here
			if bytes.Contains(data, []byte(reads)) {
				t.Skip()
			}
		}
		file := filepath.Join(t.TempDir(), "compose.yml")
		require.NoError(t, os.WriteFile(file, data, 0o600))
		spec, err := servicefile.Load(t.Context(), file, nil)
		if err != nil {
			t.Skip()
		}
		for _, env := range spec.Environments {
			plan.Of(spec, env, plan.Placement{Target: catalog.Target{Environment: env.Name}})
		}
	})
}
