package edge_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/router/edge"
)

func TestPoliteStopWaitsForTheAcceptLoop(t *testing.T) {
	polite := edge.NewPolite(listen(t))
	queued := dial(t, polite)
	c := accept(t, polite) // and the loop is still busy with it
	require.Equal(t, queued.LocalAddr().String(), c.RemoteAddr().String())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, polite.Stop(ended), context.Canceled)

	again := make(chan error, 1)
	go func() {
		_, err := polite.Accept()
		again <- err
	}()
	require.NoError(t, polite.Stop(t.Context()))
	select {
	case err := <-again:
		t.Fatal("Accept returned before Close:", err)
	default:
	}
	require.NoError(t, polite.Close())
	require.ErrorIs(t, <-again, net.ErrClosed)
	require.NoError(t, polite.Close())
	require.NoError(t, polite.Stop(t.Context()))
}

func TestPoliteStopHearsWhoHasConnected(t *testing.T) {
	polite := edge.NewPolite(listen(t))
	server := &http.Server{Handler: http.NotFoundHandler(), ConnState: polite.ConnState}
	served := make(chan error, 1)
	go func() { served <- server.Serve(polite) }()
	heard, unheard := dial(t, polite), dial(t, polite)
	_, err := fmt.Fprint(heard, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadAll(heard)
	require.NoError(t, err)

	// Connections come out in order, so both are accepted once a third is answered.
	third, err := http.Get("http://" + polite.Addr().String())
	require.NoError(t, err)
	require.NoError(t, third.Body.Close())
	require.Eventually(t, func() bool {
		short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := polite.Stop(short)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		return strings.Contains(err.Error(), "first request of 1 connections")
	}, patience, time.Millisecond)

	_, err = fmt.Fprint(unheard, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, polite.Stop(t.Context()))
	require.NoError(t, server.Shutdown(t.Context()))
	answer, err := io.ReadAll(unheard)
	require.NoError(t, err)
	require.Contains(t, string(answer), "404 Not Found")
	require.ErrorIs(t, <-served, http.ErrServerClosed)
}
