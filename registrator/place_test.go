package registrator

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// published adds bindings of the container's first port.
func published(c catalog.Container, at ...catalog.Port) catalog.Container {
	for i := range at {
		at[i].Private, at[i].Protocol = c.Ports[0].Private, c.Ports[0].Protocol
	}
	c.Bindings = at
	c.Ports[0].HostIP, c.Ports[0].Host = at[0].HostIP, at[0].Host
	return c
}

func on(ip string, port int) catalog.Port { return catalog.Port{HostIP: ip, Host: port} }

func inNetworks(c catalog.Container, networks ...catalog.Network) catalog.Container {
	c.Networks = networks
	return c
}

func TestAddresses(t *testing.T) {
	six := Options{Owner: "o", Address: "fd00::1"}
	internal := Options{Owner: "o", Internal: true}
	lone := Options{Owner: "o", Address: "127.0.0.1", AgentOnLoopback: true}
	both := func() catalog.Container { return published(container("web", 80), on("0.0.0.0", 1000), on("::", 1001)) }
	overlay := inNetworks(container("web", 80), catalog.Network{Name: "a", IP: "10.1.0.2", IPv6: "fd01::2"}, catalog.Network{Name: "b", IP: "10.2.0.2"})
	for _, test := range []struct {
		name      string
		container catalog.Container
		options   Options
		want      string
		problem   string
	}{
		{"both families, an IPv4 host", both(), options, "web@10.0.0.1:1000", ""},
		{"both families, an IPv6 host", both(), six, "web@fd00::1:1001", ""},
		{"both families, a named host", both(), Options{Owner: "o", Address: "host.example"}, "web@host.example:1000", ""},
		{"the other family only", published(container("web", 80), on("::", 1)), options, "", "published on :: only"},
		{"the very address before all", published(container("web", 80), on("0.0.0.0", 1), on("10.0.0.1", 2)), options, "web@10.0.0.1:2", ""},
		{"all before another address", published(container("web", 80), on("10.9.9.9", 1), on("0.0.0.0", 2)), options, "web@10.0.0.1:2", ""},
		{"another address before loopback", published(container("web", 80), on("127.0.0.1", 1), on("10.9.9.9", 2)), options, "web@10.9.9.9:2", ""},
		{"loopback only", published(container("web", 80), on("127.0.0.1", 1)), options, "", "other hosts can't reach"},
		{"loopback of a lone agent", published(container("web", 80), on("127.0.0.1", 1)), lone, "web@127.0.0.1:1", ""},
		{"an engine that tells no family", published(container("web", 80), on("", 1)), six, "web@fd00::1:1", ""},

		{"SERVICE_IP", labelled(both(), "SERVICE_IP=192.0.2.7"), options, "web@192.0.2.7:1000", ""},
		{"SERVICE_IP of the other family", labelled(both(), "SERVICE_IP=2001:db8::7"), options, "web@2001:db8::7:1001", ""},
		{"SERVICE_IP with its network", labelled(both(), "SERVICE_IP=192.0.2.7/24"), options, "web@192.0.2.7:1000", ""},
		{"SERVICE_IP of one port", labelled(both(), "SERVICE_80_IP=192.0.2.7"), options, "web@192.0.2.7:1000", ""},
		{"SERVICE_IP that is the container's goes with its port", labelled(overlay, "SERVICE_IP=10.1.0.2"), options, "web@10.1.0.2:80", ""},
		{"SERVICE_IP that is the container's IPv6", labelled(overlay, "SERVICE_IP=fd01::2"), options, "web@fd01::2:80", ""},
		{"SERVICE_IP within", labelled(overlay, "SERVICE_IP=10.7.7.7"), internal, "web@10.7.7.7:80", ""},
		{"SERVICE_IP without sense", labelled(both(), "SERVICE_IP=here"), options, "", "write an address"},
		{"SERVICE_IP of anything", labelled(both(), "SERVICE_IP=0.0.0.0"), options, "", "not the address of anything"},
		{"SERVICE_IP of loopback", labelled(both(), "SERVICE_IP=127.0.0.1"), options, "", "a different machine on every host"},
		{"SERVICE_IP of loopback for a lone agent", labelled(both(), "SERVICE_IP=127.0.0.1"), lone, "web@127.0.0.1:1000", ""},

		{"SERVICE_NETWORK goes with the container's port", labelled(overlay, "SERVICE_NETWORK=b"), options, "web@10.2.0.2:80", ""},
		{"the first of several networks", overlay, internal, "web@10.1.0.2:80", ""},
		{"IPv6 alone within", inNetworks(container("web", 80), catalog.Network{Name: "a", IP: "fd01::2", IPv6: "fd01::2"}), internal, "web@fd01::2:80", ""},
		{"an address of the host that is not told", container("web", 80), Options{Owner: "o", Address: "0.0.0.0"}, "", "not the address of anything"},
	} {
		t.Run(test.name, func(t *testing.T) {
			all, problems := Desired([]catalog.Container{test.container}, test.options)
			if test.problem != "" {
				require.Empty(t, all)
				require.Len(t, problems, 1)
				require.Contains(t, problems[0].Message, test.problem)
				return
			}
			require.Empty(t, problems)
			require.Equal(t, []string{test.want}, services(all))
		})
	}
}

func TestHostNetwork(t *testing.T) {
	c := container("web", 80)
	c.NetworkMode, c.Ports[0].HostIP, c.Ports[0].Host = "host", "", 80
	all, problems := Desired([]catalog.Container{c}, options)
	require.Empty(t, problems)
	require.Equal(t, []string{"web@10.0.0.1:80"}, services(all), "the exposed port on the host's address")

	all, _ = Desired([]catalog.Container{c}, Options{Owner: "o", Address: "10.0.0.1", Internal: true})
	require.Equal(t, []string{"web@10.0.0.1:80"}, services(all), "it has no address of its own")
	_, problems = Desired([]catalog.Container{c}, Options{Owner: "o", Internal: true})
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Message, "the address of the host is not known")

	c.Ports = nil
	all, problems = Desired([]catalog.Container{labelled(c, "SERVICE_9000_NAME=shop", "SERVICE_53_UDP_NAME=dns")}, options)
	require.Empty(t, problems)
	require.ElementsMatch(t, []string{"shop@10.0.0.1:9000", "dns@10.0.0.1:53"}, services(all), "ports that it names but does not expose")
}

func TestNetworkOfAnotherContainer(t *testing.T) {
	pod := labelled(published(container("pod", 80), on("0.0.0.0", 1000)), "SERVICE_IGNORE=true")
	pod.ID, pod.Networks = "f00d", []catalog.Network{{Name: "n", IP: "10.1.0.9"}}
	member := func(mode string, labels ...string) catalog.Container {
		c := labelled(container("web"), labels...)
		c.NetworkMode = mode
		return c
	}
	exposing := member("container:f00d")
	exposing.Ports = []catalog.Port{{Private: 80, Protocol: "tcp"}, {Private: 81, Protocol: "tcp"}}
	for _, test := range []struct {
		name    string
		members []catalog.Container
		options Options
		want    []string
	}{
		{"the ports it exposes, as the other publishes them", []catalog.Container{pod, exposing}, options, []string{"web@10.0.0.1:1000"}},
		{"the port it names", []catalog.Container{pod, member("container:f00d", "SERVICE_80_NAME=shop")}, options, []string{"shop@10.0.0.1:1000"}},
		{"all of the other's when it has a name", []catalog.Container{pod, member("container:f00d", "SERVICE_NAME=shop")}, options, []string{"shop@10.0.0.1:1000"}},
		{"none when it says nothing", []catalog.Container{pod, member("container:f00d")}, options, nil},
		{"by name", []catalog.Container{pod, member("container:pod", "SERVICE_NAME=shop")}, options, []string{"shop@10.0.0.1:1000"}},
		{"the other's address within", []catalog.Container{pod, member("container:pod", "SERVICE_80_NAME=shop")}, Options{Owner: "o", Internal: true}, []string{"shop@10.1.0.9:80"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			all, problems := Desired(test.members, test.options)
			require.Empty(t, problems)
			require.Equal(t, test.want, services(all))
		})
	}
	all, problems := Desired([]catalog.Container{member("container:gone", "SERVICE_NAME=shop"), container("other", 80)}, options)
	require.Equal(t, []string{"other@10.0.0.1:40000"}, services(all))
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Message, "container gone, which does not run")
	pod.Running = false
	all, problems = Desired([]catalog.Container{pod, exposing}, options)
	require.Empty(t, all, "without the other there is no network")
	require.Len(t, problems, 1)
}

func TestOptionsThatAreRefused(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0": "not the address of anything", "::": "not the address of anything",
		"127.0.0.1": "different machine", "::1": "different machine", "localhost": "different machine", "::ffff:127.0.0.1": "different machine",
	} {
		_, err := New(Config{Options: Options{Owner: "o", Address: address}})
		require.ErrorContains(t, err, want, address)
	}
	_, err := New(Config{Options: Options{Owner: "o", Address: "127.0.0.1", AgentOnLoopback: true}})
	require.NoError(t, err)
	_, err = New(Config{Options: Options{Owner: "o", Address: "0.0.0.0", AgentOnLoopback: true}})
	require.Error(t, err, "Consul itself refuses it")
}

func TestChooseAddress(t *testing.T) {
	all := []InterfaceAddress{
		{"eth1", netip.MustParseAddr("10.0.0.9")},
		{"eth1", netip.MustParseAddr("10.0.0.8")},
		{"eth1", netip.MustParseAddr("fe80::1%eth1")},
		{"eth1", netip.MustParseAddr("fd00::8")},
		{"eth2", netip.MustParseAddr("fd00::9")},
		{"lo", netip.MustParseAddr("127.0.0.1")},
	}
	for wanted, want := range map[string]string{
		"eth1": "10.0.0.8", "eth2": "fd00::9", "10.0.0.9/32": "10.0.0.9", "fd00::/8": "fd00::8", "10.0.0.0/8": "10.0.0.8", "lo": "127.0.0.1",
	} {
		got, err := ChooseAddress(all, wanted)
		require.NoError(t, err, wanted)
		require.Equal(t, want, got, wanted)
	}
	for _, wanted := range []string{"eth9", "192.0.2.0/24", "fe80::/10"} {
		_, err := ChooseAddress(all, wanted)
		require.ErrorContains(t, err, "10.0.0.8 (eth1)", wanted)
	}
}

func TestThisHostHasAddresses(t *testing.T) {
	all, err := InterfaceAddresses()
	require.NoError(t, err)
	_, err = ChooseAddress(all, "127.0.0.0/8")
	require.NoError(t, err, "%v", strings.TrimSpace(spelled(all)))
}
