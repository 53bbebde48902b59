package revision

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionsAreInTheOrderOfSemver(t *testing.T) {
	order := []string{
		"0.9.9", "v1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
		"1.0.0-beta.11", "1.0.0-rc.1", "v1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0",
	}
	for i := range order {
		for j := range order {
			a, ok := parseSemver(order[i])
			require.True(t, ok, order[i])
			b, ok := parseSemver(order[j])
			require.True(t, ok, order[j])
			switch got := a.compare(b); {
			case i < j:
				require.Negative(t, got, "%s and %s", order[i], order[j])
			case i > j:
				require.Positive(t, got, "%s and %s", order[i], order[j])
			default:
				require.Zero(t, got)
			}
		}
	}
}

func TestNotEveryTagIsAVersion(t *testing.T) {
	for _, tag := range []string{
		"", "latest", "v1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "web/v1.2.3", "version-1.2.3", "V1.2.3",
		"1.2.99999999999999999999", "1.2.3-" + string(make([]byte, 4)),
	} {
		_, ok := parseSemver(tag)
		require.False(t, ok, "%q", tag)
	}
}

func TestNextMinor(t *testing.T) {
	for tag, want := range map[string]string{
		"v1.4.0": "1.5.0", "1.4.9": "1.5.0", "1.5.0-rc.1": "1.5.0", "1.4.1-rc.1": "1.5.0", "0.0.1": "0.1.0", "2.9.0+build.7": "2.10.0",
	} {
		v, ok := parseSemver(tag)
		require.True(t, ok, tag)
		require.Equal(t, want, v.nextMinor(), tag)
	}
}
