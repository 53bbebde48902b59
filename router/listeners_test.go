package router_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/router"
)

func TestPortsOfServicesAreOpenedWhereRequestsComeIn(t *testing.T) {
	l := &router.Listeners{Host: "127.0.0.1"}
	port, err := l.Port(t.Context(), 0)
	require.NoError(t, err)
	defer port.Close()
	require.True(t, port.Addr().(*net.TCPAddr).IP.IsLoopback(), "%s", port.Addr())
}
