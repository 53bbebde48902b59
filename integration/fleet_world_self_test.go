//go:build integration

package integration

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What other tests take for granted of a fleet.
func TestFleetIsWhatItSays(t *testing.T) {
	w := newFleetWorld(t)
	w.images(t, first)
	s := w.newShop(t, shop, shopFileOptions{})
	s.mustDeploy(first)

	t.Run("published ports are reached from other hosts", func(t *testing.T) {
		list, _, err := w.consul.Client().Catalog().Service(s.name, "", nil)
		require.NoError(t, err)
		require.Len(t, list, fleetSize*replicas)
		for _, i := range list {
			require.Equal(t, w.net.subnet, i.ServiceAddress[:len(w.net.subnet)])
			for _, h := range w.hosts {
				mustRun(t, h.enter("bash", "-c", `exec 3<>/dev/tcp/"$0"/"$1"`, i.ServiceAddress, strconv.Itoa(i.ServicePort)))
			}
		}
	})
	t.Run("leftovers are found", func(t *testing.T) {
		require.Empty(t, s.leftovers())
		keys := w.consul.Client().KV()
		_, err := keys.DeleteTree("teal/releases/"+s.name, nil)
		require.NoError(t, err)
		// Each host has replicas, a database and a network, and its instances.
		require.Len(t, s.leftovers(), fleetSize*(replicas+1+1+replicas))
	})
	t.Run("a wire that hangs answers nothing and then everything", func(t *testing.T) {
		require.Equal(t, 0, w.run(t, nil, "history", s.name).code)
		w.cutConsul()
		require.ErrorIs(t, ask(w.wire.addr), os.ErrDeadlineExceeded)
		w.restoreConsul(t)
		w.wire.refuse()
		require.ErrorContains(t, ask(w.wire.addr), "refused")
		w.restoreConsul(t)
		require.NoError(t, ask(w.wire.addr))
	})
	t.Run("a host off the network hangs", func(t *testing.T) {
		engine := w.host(1).ip + ":2375"
		require.NoError(t, ask(engine))
		w.cutHost(1)
		require.ErrorIs(t, ask(engine), os.ErrDeadlineExceeded)
		w.joinHost(1)
		require.Eventually(t, func() bool { return ask(engine) == nil }, patience, fleetPoll)
	})
	t.Run("a host without power hangs and comes back", func(t *testing.T) {
		engine := w.host(3).ip + ":2375"
		w.stopHost(3)
		require.ErrorIs(t, ask(engine), os.ErrDeadlineExceeded)
		w.awaitLost(t, 3)
		w.startHost(3)
		require.NoError(t, ask(engine))
		w.awaitBack(t, 3)
		require.Eventually(t, func() bool { return s.passing(first) == fleetSize*replicas }, patience, 100*time.Millisecond)
	})
}

// ask asks an HTTP server anything, and is in a hurry.
func ask(addr string) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/v1/status/leader")
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return os.ErrDeadlineExceeded
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
