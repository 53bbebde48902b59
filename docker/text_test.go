package docker

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestElements(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`:                               nil,
		" [ ]\n":                           nil,
		`[{}]`:                             {`{}`},
		`[{"a":{"b":[{}]}}, {"c":"}"}]`:    {`{"a":{"b":[{}]}}`, `{"c":"}"}`},
		`[{"a":"\\"},{"b":"\"}{"}]` + "\n": {`{"a":"\\"}`, `{"b":"\"}{"}`},
	} {
		got, ok := elements([]byte(text))
		require.True(t, ok, text)
		require.Len(t, got, len(want), text)
		for i := range want {
			require.Equal(t, want[i], string(got[i]))
		}
	}
	for _, text := range []string{``, `[`, `{}`, `{"message":"ill"}`, `[{]`, `[}]`, `[{"a]`, `[{"a\"}]`, `null`} {
		_, ok := elements([]byte(text))
		require.False(t, ok, text)
	}
}

// FuzzElements compares with the standard library where that finds an array of
// objects.
func FuzzElements(f *testing.F) {
	for _, seed := range []string{`[]`, `[{"Id":"a"},{"Id":"b"}]`, `[ {"a":"\"}"} ]`, `[{"a":[1,{}]}]`, `[1]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := elements(text)
		var objects []map[string]any
		var want []json.RawMessage
		if json.Unmarshal(text, &objects) != nil || json.Unmarshal(text, &want) != nil || want == nil {
			return // a list of anything else is refused when it is read
		}
		for _, o := range objects {
			if o == nil {
				return
			}
		}
		require.True(t, ok)
		require.Len(t, got, len(want))
		for i := range want {
			require.Equal(t, string(want[i]), string(got[i]))
		}
	})
}

func TestIDIn(t *testing.T) {
	require.Equal(t, "abc", string(idIn([]byte(`{"Id":"abc","Names":[]}`))))
	require.Empty(t, idIn([]byte(`{"Names":[],"Id":"abc"}`)))
}
