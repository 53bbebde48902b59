package registrator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

var options = Options{Owner: "host-1", Address: "10.0.0.1"}

// container is one that runs and publishes ports on 40000 and what follows.
func container(name string, private ...int) catalog.Container {
	c := catalog.Container{
		ID: "0123456789abcdef0123456789abcdef", Name: name, Image: "registry.example:5000/team/" + name + ":1.2@sha256:abc",
		Labels: map[string]string{}, Env: map[string]string{}, Running: true,
	}
	for i, p := range private {
		c.Ports = append(c.Ports, catalog.Port{Private: p, Protocol: "tcp", HostIP: "0.0.0.0", Host: 40000 + i})
	}
	return c
}

func labelled(c catalog.Container, labels ...string) catalog.Container {
	c.Labels = map[string]string{}
	for _, l := range labels {
		name, value, _ := strings.Cut(l, "=")
		c.Labels[name] = value
	}
	return c
}

func TestARegistrationInFull(t *testing.T) {
	c := labelled(container("web-blue-1", 80), "SERVICE_NAME=web", "SERVICE_ENVIRONMENT=production", "SERVICE_COLOUR=blue",
		"SERVICE_TAGS=fast,v2", "SERVICE_RELEASE=r7", "SERVICE_REVISION=c0ffee", "SERVICE_PROTOCOL=http", "SERVICE_TEAM=payments",
		"SERVICE_CHECK_HTTP=/health", "SERVICE_CHECK_INTERVAL=3s")
	all, problems := Desired([]catalog.Container{c}, options)
	require.Empty(t, problems)
	require.Len(t, all, 1)
	r := all[0]
	require.Len(t, r.Checks, 1)
	require.Equal(t, "http://10.0.0.1:40000/health", r.Checks[0].HTTP)
	require.Equal(t, "3s", r.Checks[0].Interval.String())
	require.Equal(t, DefaultCheckTimeout, r.Checks[0].Timeout)
	require.Contains(t, r.Checks[0].ID, "0123456789ab")
	r.Checks = nil
	require.Equal(t, catalog.Registration{
		ID: "host-1:web-blue-1:80", Service: "web", Address: "10.0.0.1", Port: 40000,
		Tags: []string{"production", "blue", "fast", "v2"},
		Meta: map[string]string{
			"environment": "production", "colour": "blue", "release": "r7", "revision": "c0ffee", "protocol": "http",
			"image": c.Image, "container": "0123456789ab", "owner": "host-1", "managed-by": "teal", "team": "payments",
		},
		Incarnation: "0123456789ab",
	}, r)
}

// services are the names that are registered, with their ports.
func services(all []catalog.Registration) []string {
	var names []string
	for _, r := range all {
		names = append(names, fmt.Sprintf("%s@%s:%d", r.Service, r.Address, r.Port))
	}
	return names
}

func TestDesired(t *testing.T) {
	internal := Options{Owner: "host-1", Internal: true}
	twoNets := container("web", 80)
	twoNets.Networks = []catalog.Network{{Name: "a"}, {Name: "b", IP: "10.1.0.2"}, {Name: "c", IP: "10.2.0.2"}}
	exposed := container("web", 80)
	exposed.Ports[0].Host = 0
	stopped := container("web", 80)
	stopped.Running = false
	udp := container("dns", 53)
	udp.Ports[0].Protocol = "udp"
	oneAddress := container("web", 80)
	oneAddress.Ports[0].HostIP = "10.9.9.9"
	local := container("web", 80)
	local.Ports[0].HostIP = "127.0.0.1"
	ill, unchecked := container("web", 80), container("web", 80)
	ill.Health = unhealthy
	health := "SERVICE_CHECK_DOCKER_HEALTH=true"

	for _, test := range []struct {
		name      string
		container catalog.Container
		options   Options
		want      []string
		problem   string
	}{
		{"the image names it", container("web", 80), options, []string{"web@10.0.0.1:40000"}, ""},
		{"several ports share a name", container("web", 80, 443), options, []string{"web-443@10.0.0.1:40001", "web-80@10.0.0.1:40000"}, ""},
		{"several ports share a given name", labelled(container("web", 80, 443), "SERVICE_NAME=shop"), options, []string{"shop-443@10.0.0.1:40001", "shop-80@10.0.0.1:40000"}, ""},
		{"one port has its own name", labelled(container("web", 80, 9090), "SERVICE_9090_NAME=metrics"), options, []string{"web-80@10.0.0.1:40000", "metrics@10.0.0.1:40001"}, ""},
		{"an ignored port counts for the suffix", labelled(container("web", 80, 9090), "SERVICE_9090_IGNORE=true"), options, []string{"web-80@10.0.0.1:40000"}, ""},
		{"an ignored container", labelled(container("web", 80), "SERVICE_IGNORE=true", "SERVICE_NAME=web"), options, nil, ""},
		{"ignored but for a port", labelled(container("web", 80, 81), "SERVICE_IGNORE=true", "SERVICE_80_IGNORE=false"), options, []string{"web-80@10.0.0.1:40000"}, ""},
		{"stopped", stopped, options, nil, ""},
		{"not published", exposed, options, nil, ""},
		{"named but not published", labelled(exposed, "SERVICE_NAME=web"), options, nil, "publishes no port"},
		{"no port at all", labelled(container("web"), "SERVICE_NAME=web"), internal, nil, "exposes no port"},
		{"explicit without a name", container("web", 80), Options{Owner: "o", Address: "h", Explicit: true}, nil, ""},
		{"explicit with a name", labelled(container("web", 80), "SERVICE_NAME=web"), Options{Owner: "o", Address: "h", Explicit: true}, []string{"web@h:40000"}, ""},
		{"explicit with one port named", labelled(container("web", 80, 81), "SERVICE_81_NAME=web"), Options{Owner: "o", Address: "h", Explicit: true}, []string{"web@h:40001"}, ""},
		{"internal on the first network with an address", twoNets, internal, []string{"web@10.1.0.2:80"}, ""},
		{"internal on the named network", labelled(twoNets, "SERVICE_NETWORK=c"), internal, []string{"web@10.2.0.2:80"}, ""},
		{"internal on a network it is not in", labelled(twoNets, "SERVICE_NETWORK=z"), internal, nil, "no address in network z"},
		{"internal without an address", container("web", 80), internal, nil, "no address of its own"},
		{"internal needs no publishing", func() catalog.Container { c := twoNets; c.Ports = exposed.Ports; return c }(), internal, []string{"web@10.1.0.2:80"}, ""},
		{"published on one address", oneAddress, options, []string{"web@10.9.9.9:40000"}, ""},
		{"published on loopback only", local, options, nil, "other hosts can't reach"},
		{"published on loopback of a lone host", local, Options{Owner: "o", Address: "127.0.0.1", AgentOnLoopback: true}, []string{"web@127.0.0.1:40000"}, ""},
		{"udp", udp, options, []string{"dns@10.0.0.1:40000"}, ""},
		{"a colour without an environment", labelled(container("web", 80), "SERVICE_COLOUR=blue"), options, nil, "no tag is its environment"},
		{"two colours", labelled(container("web", 80), "SERVICE_COLOUR=blue", "SERVICE_COLOR=green", "SERVICE_ENVIRONMENT=production"), options, nil, "different colours"},
		{"tags alone", labelled(container("web", 80), "SERVICE_TAGS=production,blue"), options, []string{"web@10.0.0.1:40000"}, ""},
		{"an environment that is none", labelled(container("web", 80), "SERVICE_ENVIRONMENT=Pro duction"), options, nil, "lower-case"},
		{"a routed service with an odd name", labelled(container("web", 80), "SERVICE_NAME=Web_1", "SERVICE_ENVIRONMENT=production"), options, nil, "lower-case"},
		{"an odd name that is not routed", labelled(container("web", 80), "SERVICE_NAME=Web_1"), options, []string{"Web_1@10.0.0.1:40000"}, ""},
		{"a check that is misspelt", labelled(container("web", 80), "SERVICE_CHECK_HTPP=/"), options, nil, "SERVICE_CHECK_HTPP"},
		{"a check of another host", labelled(container("web", 80), "SERVICE_CHECK_HTTP=http://else/"), options, nil, "path alone"},
		{"a check without sense", labelled(container("web", 80), "SERVICE_CHECK_TCP=true", "SERVICE_CHECK_INTERVAL=soon"), options, nil, "SERVICE_CHECK_INTERVAL"},
		{"Docker has no check", labelled(unchecked, health), options, nil, "HEALTHCHECK"},
		{"Docker's health is not asked for", ill, options, []string{"web@10.0.0.1:40000"}, ""},
		{"reserved meta", labelled(container("web", 80), "SERVICE_OWNER=me"), options, []string{"web@10.0.0.1:40000"}, "SERVICE_OWNER is left out"},
	} {
		t.Run(test.name, func(t *testing.T) {
			all, problems := Desired([]catalog.Container{test.container}, test.options)
			require.ElementsMatch(t, test.want, services(all))
			if test.problem == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Equal(t, test.container.Name, problems[0].Subject)
			require.Contains(t, problems[0].Message, test.problem)
		})
	}
}

func TestIDs(t *testing.T) {
	c := labelled(container("dns", 53), "SERVICE_53_ID=")
	c.Ports = append(c.Ports, catalog.Port{Private: 53, Protocol: "udp", Host: 40053})
	all, problems := Desired([]catalog.Container{c}, options)
	require.Empty(t, problems)
	require.Equal(t, []string{"host-1:dns:53", "host-1:dns:53:udp"}, []string{all[0].ID, all[1].ID})
	require.Equal(t, "dns-53", all[0].Service, "as the classic registrator has it")
	require.Equal(t, []string{"udp"}, all[1].Tags)

	all, _ = Desired([]catalog.Container{labelled(c, "SERVICE_53_TCP_ID=mine")}, options)
	require.Equal(t, []string{"host-1:dns:53:udp", "mine"}, []string{all[0].ID, all[1].ID})
}

func TestOneBadContainerLeavesTheOthers(t *testing.T) {
	all, problems := Desired([]catalog.Container{
		container("a", 80), labelled(container("b", 80), "SERVICE_COLOUR=red"), container("c", 80),
	}, options)
	require.Equal(t, []string{"a@10.0.0.1:40000", "c@10.0.0.1:40000"}, services(all))
	require.Len(t, problems, 1)
	require.Equal(t, "b", problems[0].Subject)
}

func TestTwoContainersWantOneID(t *testing.T) {
	a, b := labelled(container("a", 80), "SERVICE_ID=x"), labelled(container("b", 80), "SERVICE_ID=x")
	for _, order := range [][]catalog.Container{{a, b}, {b, a}} {
		all, problems := Desired(order, options)
		require.Equal(t, []string{"a@10.0.0.1:40000"}, services(all))
		require.Len(t, problems, 1)
		require.Equal(t, "b", problems[0].Subject)
		require.Contains(t, problems[0].Message, "container a has already")
	}
}

func TestChecksNameTheContainerAndTheDefinition(t *testing.T) {
	check := func(change func(*catalog.Container)) catalog.Check {
		c := labelled(container("web", 80), "SERVICE_CHECK_HTTP=health")
		change(&c)
		all, problems := Desired([]catalog.Container{c}, options)
		require.Empty(t, problems)
		require.Len(t, all[0].Checks, 1)
		return all[0].Checks[0]
	}
	same := check(func(*catalog.Container) {})
	require.Equal(t, "http://10.0.0.1:40000/health", same.HTTP)
	require.Equal(t, same, check(func(*catalog.Container) {}))
	for name, change := range map[string]func(*catalog.Container){
		"another container": func(c *catalog.Container) { c.ID = "fedcba9876543210" },
		"another port":      func(c *catalog.Container) { c.Ports[0].Host = 50000 },
		"another path":      func(c *catalog.Container) { c.Labels["SERVICE_CHECK_HTTP"] = "/" },
		"another interval":  func(c *catalog.Container) { c.Labels["SERVICE_CHECK_INTERVAL"] = "1m" },
		"another timeout":   func(c *catalog.Container) { c.Labels["SERVICE_CHECK_TIMEOUT"] = "1m" },
	} {
		require.NotEqual(t, same.ID, check(change).ID, name)
	}
}

func TestAllKindsOfChecks(t *testing.T) {
	c := labelled(container("web", 80), "SERVICE_CHECK_HTTP=/a?b=c", "SERVICE_CHECK_HTTPS=/d", "SERVICE_CHECK_TCP=true")
	c.Ports[0].HostIP = "::"
	all, problems := Desired([]catalog.Container{c}, Options{Owner: "o", Address: "fd00::1"})
	require.Empty(t, problems)
	var at []string
	for _, check := range all[0].Checks {
		at = append(at, check.HTTP+check.TCP)
	}
	require.ElementsMatch(t, []string{"http://[fd00::1]:40000/a?b=c", "https://[fd00::1]:40000/d", "[fd00::1]:40000"}, at)

	off := labelled(container("web", 80), "SERVICE_CHECK_TCP=false")
	all, _ = Desired([]catalog.Container{off}, options)
	require.Empty(t, all[0].Checks)
}

func TestTooMuchMetaIsLeftOut(t *testing.T) {
	c := container("web", 80)
	for i := range 70 {
		c.Labels[fmt.Sprintf("SERVICE_M%02d", i)] = "x"
	}
	all, problems := Desired([]catalog.Container{c}, options)
	require.Len(t, all, 1)
	require.Len(t, all[0].Meta, maxMetaPairs)
	require.Equal(t, "teal", all[0].Meta["managed-by"])
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Message, "m69")
}

func TestDefaultName(t *testing.T) {
	for image, want := range map[string]string{
		"nginx": "nginx", "nginx:1.27": "nginx", "library/nginx@sha256:abc": "nginx",
		"registry.example:5000/team/web:1@sha256:abc": "web", "registry.example:5000/web": "web", "": "",
	} {
		require.Equal(t, want, defaultName(image), image)
	}
}

func TestDesiredLeavesItsInputAlone(t *testing.T) {
	containers := []catalog.Container{labelled(container("b", 80), "SERVICE_NAME=b"), {Name: "gone"}, container("a", 80)}
	Desired(containers, options)
	require.Equal(t, []string{"b", "gone", "a"}, []string{containers[0].Name, containers[1].Name, containers[2].Name})
}
