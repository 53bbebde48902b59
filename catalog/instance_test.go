package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func entry(tags []string, meta map[string]string) catalog.Entry {
	return catalog.Entry{ID: "web-1", Service: "web", Node: "n1", Address: "10.0.0.1", Port: 80, Tags: tags, Meta: meta}
}

func TestTargetOfAnEntry(t *testing.T) {
	for name, c := range map[string]struct {
		tags []string
		meta map[string]string
		want string // empty: none of Teal's business
	}{
		"tags alone":                 {[]string{"production", "blue"}, nil, "blue-production"},
		"tags in any order":          {[]string{"v1", "green", "production"}, nil, "green-production"},
		"an environment of its own":  {[]string{"blue", "acceptance"}, nil, "blue-acceptance"},
		"uncoloured":                 {[]string{"integration"}, nil, "integration"},
		"meta wins":                  {[]string{"production", "blue"}, map[string]string{"environment": "qa", "colour": "green"}, "green-qa"},
		"nothing of Teal's":          {[]string{"cache"}, nil, ""},
		"no tags":                    {nil, nil, ""},
		"meta names the environment": {[]string{"blue", "a", "b"}, map[string]string{"environment": "qa"}, "blue-qa"},
	} {
		i, problem, ok := catalog.ParseInstance(entry(c.tags, c.meta))
		require.Nil(t, problem, name)
		require.Equal(t, c.want != "", ok, name)
		require.Equal(t, c.want, i.Target.String(), name)
	}
}

func TestUnreadableInstancesAreProblems(t *testing.T) {
	for sentence, e := range map[string]catalog.Entry{
		"both blue and green":      entry([]string{"production", "blue", "green"}, nil),
		"no tag is its envir":      entry([]string{"blue", "a", "b"}, nil),
		"several environments":     entry([]string{"production", "staging", "blue"}, nil),
		"it is blue or green":      entry([]string{"production"}, map[string]string{"colour": "red"}),
		"not from 1 to 65535":      {ID: "x", Service: "web", Address: "a", Tags: []string{"production"}},
		"it has no address":        {ID: "x", Service: "web", Port: 1, Tags: []string{"production"}},
		"may hold only lower-case": {ID: "x", Service: "Web", Address: "a", Port: 1, Tags: []string{"production"}},
	} {
		_, problem, ok := catalog.ParseInstance(e)
		require.False(t, ok)
		require.NotNil(t, problem, sentence)
		require.Contains(t, problem.Message, sentence)
	}
}

func TestInstanceEncodesWhatItParses(t *testing.T) {
	want := catalog.Instance{
		ID: "web-1", Service: "web", Node: "n1", Address: "10.0.0.1", Port: 80,
		Target:  catalog.Target{Colour: catalog.Green, Environment: "production"},
		Release: "1.2.3", Revision: "abc", Image: "web:1.2.3", Container: "c0ffee", Protocol: "http", Owner: "n1",
		Health: catalog.Passing, Tags: []string{"extra"}, Meta: map[string]string{"team": "shop"},
	}
	got, problem, ok := catalog.ParseInstance(catalog.Entry{
		ID: want.ID, Service: want.Service, Node: want.Node, Address: want.Address, Port: want.Port,
		Tags: want.EncodeTags(), Meta: want.EncodeMeta(),
	})
	require.Nil(t, problem)
	require.True(t, ok)
	require.Equal(t, want, got)
	require.Equal(t, catalog.ManagedBy, want.EncodeMeta()[catalog.MetaManagedBy])
}

func TestUserMetaNeverReplacesTeals(t *testing.T) {
	i := catalog.Instance{Target: catalog.Target{Environment: "integration"}, Meta: map[string]string{"colour": "blue", "environment": "x"}}
	require.Equal(t, map[string]string{"environment": "integration"}, i.EncodeMeta())
}

func TestWorstOf(t *testing.T) {
	check := func(id string, h catalog.Health) catalog.CheckStatus { return catalog.CheckStatus{ID: id, Status: h} }
	require.Equal(t, catalog.Passing, catalog.WorstOf(nil))
	require.Equal(t, catalog.Warning, catalog.WorstOf([]catalog.CheckStatus{check("a", catalog.Passing), check("b", catalog.Warning)}))
	require.Equal(t, catalog.Critical, catalog.WorstOf([]catalog.CheckStatus{check("a", catalog.Critical), check("b", catalog.Warning)}))
	require.Equal(t, catalog.Maintenance, catalog.WorstOf([]catalog.CheckStatus{check("a", catalog.Critical), check("_service_maintenance:x", catalog.Critical)}))
}

func FuzzParseInstance(f *testing.F) {
	f.Add("web", "10.0.0.1", 80, "blue", "production", "green", "environment", "qa")
	f.Add("", "", 0, "", "", "", "", "")
	f.Add("web", "h", 1, "blue", "green", "", "colour", "red")
	f.Fuzz(func(t *testing.T, service, address string, port int, tag1, tag2, tag3, key, value string) {
		i, problem, ok := catalog.ParseInstance(catalog.Entry{
			ID: "id", Service: service, Address: address, Port: port,
			Tags: []string{tag1, tag2, tag3}, Meta: map[string]string{key: value},
		})
		if !ok {
			return
		}
		require.Nil(t, problem)
		again, problem, ok := catalog.ParseInstance(catalog.Entry{
			ID: i.ID, Service: i.Service, Address: i.Address, Port: i.Port, Tags: i.EncodeTags(), Meta: i.EncodeMeta(),
		})
		require.Nil(t, problem)
		require.True(t, ok)
		require.Equal(t, i.Target, again.Target)
	})
}
