package adaptertest

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func hostRecord(t *testing.T, w *world) {
	h := catalog.HostRecord{Node: "n1", Endpoint: "unix:///var/run/docker.sock", Cores: 2, Memory: 1 << 30, At: time.Unix(1, 0).UTC()}
	require.NoError(t, w.PutHost(t.Context(), h))
	again := h
	again.At = h.At.Add(time.Hour)
	require.NoError(t, w.PutHost(t.Context(), again))
	hosts, err := w.Hosts(t.Context())
	require.NoError(t, err)
	require.Equal(t, []catalog.HostRecord{h}, hosts, "a record that says nothing new is not written")

	again.Cores = 4
	require.NoError(t, w.PutHost(t.Context(), again))
	for key, value := range map[string]string{"": "", "n0": "no JSON"} { // the folder itself, as Consul's UI makes it
		_, err := w.api.KV().Put(&api.KVPair{Key: w.keys.Hosts() + key, Value: []byte(value)}, nil)
		require.NoError(t, err)
	}
	hosts, err = w.Hosts(t.Context())
	require.NoError(t, err)
	require.Equal(t, []catalog.HostRecord{again}, hosts)

	require.NoError(t, w.PutHost(t.Context(), catalog.HostRecord{Node: "n0"}), "what can't be read is replaced")
	hosts, err = w.Hosts(t.Context())
	require.NoError(t, err)
	require.Len(t, hosts, 2)
}
