package consul

import (
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestAServiceConfigTellsSinceWhen(t *testing.T) {
	into := map[string]facts{}
	pair := &api.KVPair{Key: "teal/services/web", Value: []byte(`{"owner": "shop"}`), CreateIndex: 7, ModifyIndex: 9}
	_, err := parseService(catalog.NewKeys("teal"), pair, into)
	require.NoError(t, err)
	require.Equal(t, &catalog.ServiceConfig{Owner: "shop", Since: 7}, into["web"].config, "an update does not make it newer")
}
