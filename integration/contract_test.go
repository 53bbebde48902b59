//go:build integration

package integration

import (
	"testing"

	"teal/consul/consultest"
	"teal/consul/contracttest"
)

// TestContract runs what Teal relies on in Consul against a real one.
func TestContract(t *testing.T) {
	agent := consultest.Start(t)
	contracttest.Run(t, func(*testing.T) string { return agent.Addr })
}
