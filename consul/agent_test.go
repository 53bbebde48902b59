package consul

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestAgentCheck(t *testing.T) {
	for name, test := range map[string]struct {
		check catalog.Check
		want  api.AgentServiceCheck
	}{
		"http": {
			catalog.Check{
				ID: "i", Name: "n", HTTP: "https://h/", Method: "HEAD", Header: map[string][]string{"A": {"b"}}, Body: "c", TLSSkipVerify: true,
				Interval: time.Second, Timeout: 1500 * time.Microsecond, DeregisterAfter: time.Hour, SuccessBeforePassing: 2, FailuresBeforeCritical: 3,
			},
			api.AgentServiceCheck{
				CheckID: "i", Name: "n", HTTP: "https://h/", Method: "HEAD", Header: map[string][]string{"A": {"b"}}, Body: "c", TLSSkipVerify: true,
				Interval: "1s", Timeout: "2ms", DeregisterCriticalServiceAfter: "1h0m0s", SuccessBeforePassing: 2, FailuresBeforeCritical: 3, Status: "critical",
			},
		},
		"grpc": {
			catalog.Check{GRPC: "h:1/s", GRPCUseTLS: true, Interval: time.Second, Timeout: time.Second, Initial: catalog.Warning},
			api.AgentServiceCheck{GRPC: "h:1/s", GRPCUseTLS: true, Interval: "1s", Timeout: "1s", Status: "warning"},
		},
		"docker": {
			catalog.Check{Args: []string{"true"}, Container: "c", Interval: time.Second},
			api.AgentServiceCheck{Args: []string{"true"}, DockerContainerID: "c", Interval: "1s", Status: "critical"},
		},
		"ttl": {
			catalog.Check{TTL: time.Minute, Initial: catalog.Passing, DeregisterAfter: time.Hour},
			api.AgentServiceCheck{TTL: "1m0s", Status: "passing", DeregisterCriticalServiceAfter: "1h0m0s"},
		},
	} {
		require.Equal(t, &test.want, agentCheck(test.check), name)
	}
}
