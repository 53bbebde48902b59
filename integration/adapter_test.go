//go:build integration

package integration

import (
	"testing"

	"teal/consul/adaptertest"
	"teal/consul/consultest"
)

func TestAdapterOnARealConsul(t *testing.T) {
	agent := consultest.Start(t)
	adaptertest.Run(t, func(*testing.T) string { return agent.Addr })
}
