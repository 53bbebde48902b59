package registrator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// only is the one registration that a container comes to.
func only(t *testing.T, c catalog.Container) catalog.Registration {
	t.Helper()
	all, problems := Desired([]catalog.Container{c}, options)
	require.Empty(t, problems)
	require.Len(t, all, 1)
	return all[0]
}

// checkOf is the one check that labels ask for, without its names.
func checkOf(t *testing.T, labels ...string) catalog.Check {
	t.Helper()
	r := only(t, labelled(container("web", 80), labels...))
	require.Len(t, r.Checks, 1)
	c := r.Checks[0]
	c.ID, c.Name = "", ""
	return c
}

func TestEachKindOfCheck(t *testing.T) {
	id := container("web").ID
	often := func(c catalog.Check) catalog.Check {
		c.Interval, c.Timeout = DefaultCheckInterval, DefaultCheckTimeout
		return c
	}
	for _, test := range []struct {
		name   string
		labels []string
		want   catalog.Check
	}{
		{"http", []string{"SERVICE_CHECK_HTTP=/a"}, often(catalog.Check{HTTP: "http://10.0.0.1:40000/a"})},
		{"http with all", []string{"SERVICE_CHECK_HTTP=/a", "SERVICE_CHECK_METHOD=post", "SERVICE_CHECK_HEADER=Host: a.example, X-B: c\\,d", "SERVICE_CHECK_BODY=hello"}, often(catalog.Check{
			HTTP: "http://10.0.0.1:40000/a", Method: "POST", Body: "hello", Header: map[string][]string{"Host": {"a.example"}, "X-B": {"c,d"}},
		})},
		{"http method as the classic has it", []string{"SERVICE_CHECK_HTTP=/a", "SERVICE_CHECK_HTTP_METHOD=HEAD"}, often(catalog.Check{HTTP: "http://10.0.0.1:40000/a", Method: "HEAD"})},
		{"https", []string{"SERVICE_CHECK_HTTPS=/", "SERVICE_CHECK_TLS_SKIP_VERIFY=true"}, often(catalog.Check{HTTP: "https://10.0.0.1:40000/", TLSSkipVerify: true})},
		{"tcp", []string{"SERVICE_CHECK_TCP=true"}, often(catalog.Check{TCP: "10.0.0.1:40000"})},
		{"grpc", []string{"SERVICE_CHECK_GRPC=true"}, often(catalog.Check{GRPC: "10.0.0.1:40000"})},
		{"grpc of a service", []string{"SERVICE_CHECK_GRPC=shop.Cart", "SERVICE_CHECK_GRPC_USE_TLS=true", "SERVICE_CHECK_TLS_SKIP_VERIFY=1"}, often(catalog.Check{GRPC: "10.0.0.1:40000/shop.Cart", GRPCUseTLS: true, TLSSkipVerify: true})},
		{"ttl", []string{"SERVICE_CHECK_TTL=30s"}, catalog.Check{TTL: 30 * time.Second}},
		{"script", []string{"SERVICE_CHECK_SCRIPT=nc -z $SERVICE_IP $SERVICE_PORT"}, often(catalog.Check{Args: []string{"/bin/sh", "-c", "nc -z 10.0.0.1 40000"}})},
		{"cmd", []string{"SERVICE_CHECK_CMD=/check.sh"}, often(catalog.Check{Args: []string{"check-cmd", id[:12], "80", "/check.sh"}})},
		{"in the container", []string{"SERVICE_CHECK_DOCKER=test -f /ready"}, often(catalog.Check{Args: []string{"/bin/sh", "-c", "test -f /ready"}, Container: id})},
		{"how often and how many", []string{
			"SERVICE_CHECK_TCP=1", "SERVICE_CHECK_INTERVAL=3s", "SERVICE_CHECK_TIMEOUT=1s", "SERVICE_CHECK_INITIAL_STATUS=passing",
			"SERVICE_CHECK_DEREGISTER_AFTER=10m", "SERVICE_CHECK_SUCCESS_BEFORE_PASSING=2", "SERVICE_CHECK_FAILURES_BEFORE_CRITICAL=3",
		}, catalog.Check{
			TCP: "10.0.0.1:40000", Interval: 3 * time.Second, Timeout: time.Second, Initial: catalog.Passing,
			DeregisterAfter: 10 * time.Minute, SuccessBeforePassing: 2, FailuresBeforeCritical: 3,
		}},
		{"of one port and protocol", []string{"SERVICE_80_TCP_CHECK_HTTP=/own", "SERVICE_80_CHECK_HTTP=/port", "SERVICE_CHECK_HTTP=/all"}, often(catalog.Check{HTTP: "http://10.0.0.1:40000/own"})},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, checkOf(t, test.labels...)) })
	}
}

func TestSeveralChecksOfOneService(t *testing.T) {
	r := only(t, labelled(container("web", 80), "SERVICE_CHECK_HTTP=/", "SERVICE_CHECK_TCP=1", "SERVICE_CHECK_TTL=1m", "SERVICE_CHECK_GRPC=1"))
	require.Len(t, r.Checks, 4)
	for _, c := range r.Checks {
		require.Empty(t, c.Initial, "critical until somebody has checked")
		require.Contains(t, c.ID, ":"+r.Incarnation+":")
	}
}

func TestChecksThatAreRefused(t *testing.T) {
	for label, want := range map[string]string{
		"SERVICE_CHECK_INTERVAL=0s":                  "write a time such as 10s",
		"SERVICE_CHECK_TIMEOUT=1ns":                  "write a time such as 10s",
		"SERVICE_CHECK_TTL=long":                     "write a time such as 10s",
		"SERVICE_CHECK_DEREGISTER_AFTER=-1m":         "write a time such as 10s",
		"SERVICE_CHECK_INITIAL_STATUS=fine":          "passing, warning or critical",
		"SERVICE_CHECK_SUCCESS_BEFORE_PASSING=many":  "write a number of results",
		"SERVICE_CHECK_FAILURES_BEFORE_CRITICAL=-1":  "write a number of results",
		"SERVICE_CHECK_HEADER=no colon":              "Name: value",
		"SERVICE_CHECK_METHOD=two words":             "write a method",
		"SERVICE_CHECK_GRPC=a/b":                     "name of a gRPC service",
		"SERVICE_CHECK_HTTPS=https://other.example/": "path alone",
	} {
		c := labelled(container("web", 80), label, "SERVICE_80_CHECK_HTTP=/")
		all, problems := Desired([]catalog.Container{c, container("other", 80)}, options)
		require.Equal(t, []string{"other@10.0.0.1:40000"}, services(all), label)
		require.Len(t, problems, 1, label)
		require.Contains(t, problems[0].Message, want, label)
	}
}

func TestAUDPPortHasOnlyTheProbesThatAreMeantForIt(t *testing.T) {
	udp := container("dns", 53)
	udp.Ports[0].Protocol = "udp"
	twin := container("dns", 53)
	twin.Ports = append(twin.Ports, catalog.Port{Private: 53, Protocol: "udp", Host: 40053})
	checks := func(c catalog.Container, labels ...string) map[string]int {
		all, problems := Desired([]catalog.Container{labelled(c, labels...)}, options)
		require.Empty(t, problems)
		found := map[string]int{}
		for _, r := range all {
			found[r.ID] = len(r.Checks)
		}
		return found
	}
	require.Equal(t, map[string]int{"host-1:dns:53:udp": 0}, checks(udp, "SERVICE_CHECK_TCP=1", "SERVICE_CHECK_HTTP=/"))
	require.Equal(t, map[string]int{"host-1:dns:53:udp": 1}, checks(udp, "SERVICE_53_CHECK_HTTP=/"), "nothing else can be meant")
	require.Equal(t, map[string]int{"host-1:dns:53:udp": 1}, checks(udp, "SERVICE_CHECK_TTL=1m"))
	require.Equal(t, map[string]int{"host-1:dns:53": 1, "host-1:dns:53:udp": 0}, checks(twin, "SERVICE_53_CHECK_TCP=1"))
	require.Equal(t, map[string]int{"host-1:dns:53": 0, "host-1:dns:53:udp": 1}, checks(twin, "SERVICE_53_UDP_CHECK_TCP=1"))
}

func TestDockersHealthcheckIsACheckThatIsReportedTo(t *testing.T) {
	for health, want := range map[string]catalog.Health{"starting": catalog.Critical, "healthy": catalog.Passing, "unhealthy": catalog.Critical} {
		c := labelled(container("web", 80), "SERVICE_CHECK_DOCKER_HEALTH=true")
		c.Health, c.HealthOutput = health, "it said this"
		check := only(t, c).Checks[0]
		require.Equal(t, want, check.Status, health)
		require.Equal(t, DockerHealthTTL, check.TTL)
		require.Empty(t, check.Initial, "critical")
		require.Equal(t, health == "unhealthy", check.Output == "Docker calls it unhealthy. it said this", health)
	}
}

func TestAPausedContainerHasACheckThatNobodyReportsTo(t *testing.T) {
	c := labelled(container("web", 80), "SERVICE_CHECK_HTTP=/", "SERVICE_CHECK_INITIAL_STATUS=passing")
	running := only(t, c)
	c.Running, c.Paused = false, true
	paused := only(t, c)
	require.Len(t, paused.Checks, 2)
	require.False(t, running.Same(paused), "it is written")
	added := paused.Checks[1]
	require.Equal(t, pausedTTL, added.TTL)
	require.Empty(t, added.Initial, "critical")
	require.Empty(t, added.Status)
}

func TestARestartIsAnotherIncarnation(t *testing.T) {
	c := labelled(container("web", 80), "SERVICE_CHECK_HTTP=/")
	c.Started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first := only(t, c)
	require.Equal(t, first, only(t, c))
	c.Started = c.Started.Add(time.Second)
	second := only(t, c)
	require.Equal(t, first.ID, second.ID)
	require.NotEqual(t, first.Checks[0].ID, second.Checks[0].ID)
}

func TestImpossiblePortsAreToldAndHarmNothing(t *testing.T) {
	c := labelled(container("web", 80), "SERVICE_99999_NAME=x", "SERVICE_0_CHECK_HTTP=/")
	all, problems := Desired([]catalog.Container{c}, options)
	require.Equal(t, []string{"web@10.0.0.1:40000"}, services(all))
	require.Len(t, problems, 2)
	require.Contains(t, problems[1].Message, "port 99999, which is not from 1 to 65535")
}

func TestTheClassicWaysToWriteThings(t *testing.T) {
	c := container("web", 80)
	c.Labels = map[string]string{"SERVICE_Name": "mixed", "SERVICE_region": "us2", "SERVICE_80_id": "mine"}
	r := only(t, c)
	require.Equal(t, "mixed", r.Service)
	require.Equal(t, "us2", r.Meta["region"])
	require.Equal(t, "mine", r.ID)
	c.Labels["SERVICE_NAME"] = "upper"
	require.Equal(t, "upper", only(t, c).Service, "upper case wins")

	all, _ := Desired([]catalog.Container{labelled(container("web", 80), "SERVICE_TAGS=a")}, Options{Owner: "o", Address: "h", Tags: []string{"b"}})
	require.Equal(t, []string{"a", "b"}, all[0].Tags)
}
