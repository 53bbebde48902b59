package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestPreviewTarget(t *testing.T) {
	plain := catalog.Target{Environment: "integration"}
	state := func(s catalog.ReleaseState) map[catalog.Target]catalog.Release {
		return map[catalog.Target]catalog.Release{blue: {State: catalog.Ready}, green: {State: s}}
	}
	for name, tt := range map[string]struct {
		rule     catalog.PreviewRule
		alias    string
		releases map[catalog.Target]catalog.Release
		want     catalog.Target
	}{
		"a named target":             {rule: catalog.PreviewRule{Target: plain}, alias: "blue-production", want: plain},
		"the colour on its way":      {alias: "blue-production", releases: state(catalog.Staging), want: green},
		"nobody recorded a release":  {alias: "blue-production", want: green},
		"the other way round":        {alias: "green-production", want: blue},
		"after the flip":             {alias: "blue-production", releases: state(catalog.Standby)},
		"a deployment left half":     {alias: "blue-production", releases: state(catalog.Dirty)},
		"flipped by hand":            {alias: "blue-production", releases: state(catalog.Ready)},
		"a share of nothing":         {alias: "blue-production=1,green-production=0", releases: state(catalog.Staging), want: green},
		"both colours live":          {alias: "blue-production=1,green-production=9", releases: state(catalog.Staging)},
		"no colours":                 {alias: "integration"},
		"several environments":       {alias: "blue-production=1,blue-staging=1"},
		"an alias that is not there": {rule: catalog.PreviewRule{Alias: "canary", Target: plain}, alias: "blue-production", want: plain},
	} {
		t.Run(name, func(t *testing.T) {
			value, err := catalog.ParseAliasValue(tt.alias)
			require.NoError(t, err)
			s := &catalog.Service{Aliases: map[string]catalog.Alias{"production": {Name: "production", Value: value}}, Releases: tt.releases}
			got, ok := s.PreviewTarget(tt.rule)
			require.Equal(t, !tt.want.IsZero() && tt.rule.Alias == "", ok)
			if ok {
				require.Equal(t, tt.want, got)
			}
		})
	}
}
