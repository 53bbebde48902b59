package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestEndpointsThatMayLeadToAnEngine(t *testing.T) {
	for _, good := range []string{
		"unix:///var/run/docker.sock", "unix:///run/user@1000/docker.sock", "tcp://web-1:2376", "tcp://[::1]:2375", "tcp://proxy/engines/1",
		"ssh://web-1", "ssh://deploy@web-1:2222", "ssh://web-1/run/docker.sock",
	} {
		require.NoError(t, catalog.CheckEndpoint(good), good)
	}
}

func TestEndpointsThatCannotLeadToAnEngine(t *testing.T) {
	for bad, want := range map[string]string{
		"":                              "is not a Docker endpoint; write it like unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host",
		"web-1":                         `"web-1" is not a Docker endpoint`,
		"web-1:2376":                    "is not a Docker endpoint",
		"ssh://":                        "is not a Docker endpoint",
		"http://x:1":                    `Docker endpoint http://x:1: unknown scheme "http"; use unix://, tcp:// or ssh://`,
		"npipe://x":                     `unknown scheme "npipe"`,
		"process://laptop":              `unknown scheme "process"`,
		"unix://var/run/docker.sock":    "a socket's path begins with a slash",
		"tcp://:2376":                   "it names no host",
		"tcp://web-1:port":              "it is no address",
		"ssh://web 1":                   "it is no address",
		"ssh://ann@":                    "it names no host",
		"ssh://web-1?x=1":               "take out what begins with ? or #",
		"ssh://ann:hunter2@web-1":       "Docker endpoint ssh://…@web-1: it holds a password",
		"tcp://ann:hunter2@web-1:2376":  "it holds a password",
		"ssh://ann:hunter2/3@web-1":     "it is no address",
		"https://ann:hunter2@web-1:443": `Docker endpoint https://…@web-1:443: unknown scheme`,
	} {
		err := catalog.CheckEndpoint(bad)
		require.ErrorContains(t, err, want, bad)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
