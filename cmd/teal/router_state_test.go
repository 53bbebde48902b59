package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/consul"
	"teal/router"
)

// nowhere is an agent that does not answer.
func nowhere(t *testing.T) *consul.Store {
	t.Helper()
	store, err := consul.New(consul.Options{Address: "127.0.0.1:1"})
	require.NoError(t, err)
	return store
}

func TestRouterRemembersItsAddress(t *testing.T) {
	f := &routerFlags{state: stateFlags{file: filepath.Join(t.TempDir(), "router.json"), wait: 50 * time.Millisecond}}
	require.Empty(t, f.state.rememberedAddress())
	f.state.rememberAddress("10.0.0.7", hclog.NewNullLogger())
	address, silent, err := f.address(t.Context(), nowhere(t), hclog.NewNullLogger())
	require.NoError(t, err)
	require.True(t, silent)
	require.Equal(t, "10.0.0.7", address)

	f.advertise = "10.0.0.8"
	address, silent, err = f.address(t.Context(), nowhere(t), hclog.NewNullLogger())
	require.NoError(t, err)
	require.False(t, silent)
	require.Equal(t, "10.0.0.8", address)

	require.NoError(t, os.WriteFile(f.state.addressFile(), []byte("gibberish"), 0o600))
	require.Empty(t, f.state.rememberedAddress())
	f.state.file = ""
	require.Empty(t, f.state.rememberedAddress())
}

func TestRouterStateNeedsSensibleTimes(t *testing.T) {
	var usage usageError
	for _, f := range []stateFlags{{file: "x", wait: -1}, {file: "x", wait: 1, maxAge: -1}} {
		_, err := f.fill(&router.Options{}, false, hclog.NewNullLogger())
		require.ErrorAs(t, err, &usage)
	}
}
