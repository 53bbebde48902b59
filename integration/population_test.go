//go:build integration

package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// populationAddr is what a population's own requests to Consul come from, so that
// they are told from those of what is tested. All of 127.0.0.0/8 is this machine.
const populationAddr = "127.0.0.2"

// txnOps is how many operations Consul takes in a transaction.
const txnOps = 128

// population is a catalogue full of services, whose instances are rows that no
// agent watches. The first half of a service's instances is blue, the rest green,
// and its production points at blue to begin with.
type population struct {
	t         testing.TB
	addr      string // of the agent
	http      *http.Client
	api       *api.Client
	keys      catalog.Keys
	services  int
	instances int // of each service
	nodes     int
}

// populate fills a catalogue. instance tells where the n-th instance of a service
// listens; without one it is nowhere that answers.
func populate(t testing.TB, addr string, services, instances int, instance func(service, n int) (host string, port int)) *population {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(populationAddr)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 4}}
	t.Cleanup(client.CloseIdleConnections)
	consul, err := api.NewClient(&api.Config{Address: addr, HttpClient: client})
	require.NoError(t, err)
	p := &population{t: t, addr: addr, http: client, api: consul, services: services, instances: instances, nodes: 20}
	if instance == nil {
		instance = func(service, n int) (string, int) {
			return fmt.Sprintf("10.0.%d.%d", service/250, service%250), 8000 + n
		}
	}
	var ops api.TxnOps
	for n := range p.nodes {
		ops = append(ops, &api.TxnOp{Node: &api.NodeTxnOp{Verb: api.NodeSet, Node: api.Node{Node: p.node(n), Address: fmt.Sprintf("10.1.0.%d", n)}}})
	}
	for s := range services {
		for n := range instances {
			host, port := instance(s, n)
			ops = append(ops, p.serviceOp(s, n, host, port), p.checkOp(s, n, api.HealthPassing))
		}
		ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: p.aliasKey(s), Value: []byte("blue-production")}})
	}
	p.commit(ops)
	return p
}

func (p *population) service(s int) string { return fmt.Sprintf("service-%04d", s) }

func (p *population) id(s, n int) string { return fmt.Sprintf("%s-%d", p.service(s), n) }

func (p *population) node(n int) string { return fmt.Sprintf("host-%02d", n) }

// nodeOf is the node of a service's n-th instance.
func (p *population) nodeOf(s, n int) string { return p.node((s + n) % p.nodes) }

func (p *population) aliasKey(s int) string { return p.keys.Alias(p.service(s), production) }

func (p *population) colour(n int) catalog.Colour {
	if n%p.instances < p.instances/2 {
		return catalog.Blue
	}
	return catalog.Green
}

func (p *population) serviceOp(s, n int, host string, port int) *api.TxnOp {
	return &api.TxnOp{Service: &api.ServiceTxnOp{Verb: api.ServiceSet, Node: p.nodeOf(s, n), Service: api.AgentService{
		ID: p.id(s, n), Service: p.service(s), Address: host, Port: port,
		Tags: []string{production, string(p.colour(n))}, Meta: map[string]string{catalog.MetaRelease: "1.0.0"},
	}}}
}

func (p *population) checkOp(s, n int, status string) *api.TxnOp {
	return &api.TxnOp{Check: &api.CheckTxnOp{Verb: api.CheckSet, Check: api.HealthCheck{
		Node: p.nodeOf(s, n), CheckID: p.id(s, n) + ":http", Name: "HTTP on port 8080", Status: status,
		Output: "HTTP GET http://10.0.0.1:8080/health: 200 OK Output: it is well", ServiceID: p.id(s, n), ServiceName: p.service(s),
	}}}
}

// commit runs operations in as many transactions as it takes.
func (p *population) commit(ops api.TxnOps) {
	p.t.Helper()
	for len(ops) > 0 {
		some := ops[:min(len(ops), txnOps)]
		ops = ops[len(some):]
		ok, answer, _, err := p.api.Txn().Txn(some, nil)
		require.NoError(p.t, err)
		require.True(p.t, ok, "%+v", answer)
	}
}

// health gives an instance's check a status.
func (p *population) health(s, n int, status string) { p.commit(api.TxnOps{p.checkOp(s, n, status)}) }

// add registers one more instance of a service, which passes at once.
func (p *population) add(s, n int, host string, port int) {
	p.commit(api.TxnOps{p.serviceOp(s, n, host, port), p.checkOp(s, n, api.HealthPassing)})
}

// addUnchecked registers one more instance of a service without any check.
func (p *population) addUnchecked(s, n int, host string, port int) {
	p.commit(api.TxnOps{p.serviceOp(s, n, host, port)})
}

// remove deregisters an instance.
func (p *population) remove(s, n int) {
	_, err := p.api.Catalog().Deregister(&api.CatalogDeregistration{Node: p.nodeOf(s, n), ServiceID: p.id(s, n)}, nil)
	require.NoError(p.t, err)
}

// flip points a service's production at a colour, as anybody would.
func (p *population) flip(s int, colour catalog.Colour) {
	value := strings.NewReader(catalog.Target{Colour: colour, Environment: production}.String())
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPut, "http://"+p.addr+"/v1/kv/"+p.aliasKey(s), value)
	require.NoError(p.t, err)
	resp, err := p.http.Do(req)
	require.NoError(p.t, err)
	resp.Body.Close()
	require.Equal(p.t, http.StatusOK, resp.StatusCode)
}

// mostConnections counts, until ctx ends, the TCP connections to the population's
// agent from 127.0.0.1, which are not the population's own, and answers the most
// there were at once.
func (p *population) mostConnections(ctx context.Context) int {
	most := 0
	for ctx.Err() == nil {
		most = max(most, p.connections())
		select {
		case <-ctx.Done():
		case <-time.After(time.Second): // reading the table of all connections is dear, and a watch keeps its own
		}
	}
	return most
}

func (p *population) connections() int {
	_, port, err := net.SplitHostPort(p.addr)
	require.NoError(p.t, err)
	var number int
	_, err = fmt.Sscan(port, &number)
	require.NoError(p.t, err)
	table, err := os.ReadFile("/proc/net/tcp")
	require.NoError(p.t, err)
	const loopback, established = "0100007F", "01"
	count := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // sl, local, remote, state, …
		if len(f) > 3 && strings.HasPrefix(f[1], loopback) && f[2] == fmt.Sprintf("%s:%04X", loopback, number) && f[3] == established {
			count++
		}
	}
	return count
}
