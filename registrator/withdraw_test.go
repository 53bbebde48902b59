package registrator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestWithdrawTakesOnlyWhatIsOurs(t *testing.T) {
	h := newFakeHost(t)
	h.containers = []catalog.Container{container("a", 80), container("b", 80)}
	agent, err := New(Config{Options: options, Runtime: h, Registry: h})
	require.NoError(t, err)
	require.NoError(t, agent.Once(t.Context()))
	h.services["consul"] = theirs("consul", nil)
	h.services["other"] = theirs("other", map[string]string{"managed-by": "teal", "owner": "host-2"})
	h.lastListed = map[string]bool{} // they are to go though their containers run

	h.readFault = func() error { return errFault }
	require.ErrorContains(t, agent.Withdraw(t.Context()), "list the registrations")
	require.Len(t, h.ids(), 4)

	h.readFault = nil
	refused := false
	h.writeFault = func() error {
		if refused {
			return nil
		}
		refused = true
		return errFault
	}
	require.ErrorContains(t, agent.Withdraw(t.Context()), "deregister host-1:a:80")
	require.Equal(t, []string{"consul", "host-1:a:80", "other"}, h.ids(), "one that fails keeps no other back")
	require.NoError(t, agent.Withdraw(t.Context()))
	require.Equal(t, []string{"consul", "other"}, h.ids())
}
