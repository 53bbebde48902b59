package router

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseNetworks(t *testing.T) {
	all, err := ParseNetworks([]string{"10.1.2.3/8", "fc00::/7"})
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fc00::/7")}, all)

	unsaid, err := ParseNetworks(nil)
	require.NoError(t, err)
	require.Nil(t, unsaid)
	nobody, err := ParseNetworks([]string{"none"})
	require.NoError(t, err)
	require.NotNil(t, nobody, "nil would be the default")
	require.Empty(t, nobody)

	for _, bad := range [][]string{{"10.0.0.0/99"}, {"10.0.0.1"}, {"none", "10.0.0.0/8"}, {""}} {
		_, err := ParseNetworks(bad)
		require.ErrorContains(t, err, "is not a network; write one such as 10.0.0.0/8, or none alone")
	}
}
