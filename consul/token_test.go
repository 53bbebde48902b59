package consul

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"
)

// tokens is a server that remembers the last token it was shown.
func tokens(t *testing.T) (addr string, last func() string) {
	t.Helper()
	var token atomic.Value
	token.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token.Store(r.Header.Get(tokenHeader))
		_, _ = w.Write([]byte(`{"Config":{"NodeName":"n1"},"Member":{"Addr":"10.0.0.1"}}`))
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), func() string { return token.Load().(string) }
}

func TestTheTokenFileIsFollowed(t *testing.T) {
	addr, last := tokens(t)
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("one\n")
	t.Setenv("CONSUL_HTTP_TOKEN_FILE", file)
	var log bytes.Buffer
	s, err := New(Options{Address: addr, Logger: hclog.New(&hclog.LoggerOptions{Output: &log})})
	require.NoError(t, err)
	now := time.Now()
	s.tokens.now = func() time.Time { return now }
	shown := func(after time.Duration) string {
		now = now.Add(after)
		_, _, err := s.Self(t.Context())
		require.NoError(t, err)
		return last()
	}
	require.Equal(t, "one", shown(0))

	write("second\n")
	require.Equal(t, "one", shown(tokenCheck-1), "looked at too often")
	require.Equal(t, "second", shown(1))

	require.NoError(t, os.WriteFile(file+".new", []byte("fourth"), 0o600)) // as long as the third would be
	require.NoError(t, os.Rename(file+".new", file))
	require.Equal(t, "fourth", shown(tokenCheck))

	write("")
	require.Equal(t, "fourth", shown(tokenCheck), "an empty file is one being written")
	require.NoError(t, os.Remove(file))
	require.Equal(t, "fourth", shown(tokenCheck))
	require.Equal(t, "fourth", shown(tokenCheck))
	write("fifth")
	require.Equal(t, "fifth", shown(tokenCheck))
	write("sixth")
	now = now.Add(tokenCheck)
	_, _, _ = s.urgent.KV().List("x", nil) // no list comes, but what it is asked with counts
	require.Equal(t, "sixth", last(), "all connections carry the token")
	require.Equal(t, 1, strings.Count(log.String(), "can't be read"), "a failure is told once:\n%s", log.String())
	require.NotContains(t, log.String(), "fifth", "tokens are secret")
}

func TestWithoutATokenFileNothingChanges(t *testing.T) {
	addr, last := tokens(t)
	t.Setenv("CONSUL_HTTP_TOKEN_FILE", "")
	t.Setenv("CONSUL_HTTP_TOKEN", "plain")
	s, err := New(Options{Address: addr})
	require.NoError(t, err)
	require.Nil(t, s.tokens)
	_, _, err = s.Self(t.Context())
	require.NoError(t, err)
	require.Equal(t, "plain", last())
}

func TestAMissingTokenFileIsToldAtOnce(t *testing.T) {
	t.Setenv("CONSUL_HTTP_TOKEN_FILE", filepath.Join(t.TempDir(), "none"))
	_, err := New(Options{})
	require.ErrorContains(t, err, "none")
}
