//go:build integration

package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// leftovers are what the fleet has of a service beyond what its live and standby
// targets explain: containers, networks, sessions, keys, registrations and
// records that have not ended. Each is a line; there are none when all is well.
func (s *fleetShop) leftovers() []string {
	s.t.Helper()
	explained := s.explainedTargets()
	var found []string
	for _, h := range s.w.hosts {
		found = append(found, s.leftContainers(h, explained)...)
		found = append(found, s.leftNetworks(h, explained)...)
	}
	found = append(found, s.leftRecords()...)
	found = append(found, s.leftRegistrations(explained)...)
	found = append(found, s.leftKeys()...)
	return append(found, s.leftSessions()...)
}

// awaitNoLeftovers waits until what a dead deployer's sessions held is gone too.
func (s *fleetShop) awaitNoLeftovers() {
	s.t.Helper()
	var found []string
	for deadline := time.Now().Add(catalog.SessionAfterlife + 10*time.Second); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) {
		if found = s.leftovers(); len(found) == 0 {
			return
		}
	}
	require.Empty(s.t, found, "what is left over")
}

// explainedTargets are the releases that are live or standby, by target.
func (s *fleetShop) explainedTargets() map[string]catalog.Release {
	s.t.Helper()
	keys := catalog.NewKeys("")
	explained := map[string]catalog.Release{}
	for _, pair := range s.listKeys(keys.ReleasesOf(s.name)) {
		_, target, ok := keys.CutRelease(pair.Key)
		require.True(s.t, ok, pair.Key)
		release, err := catalog.ParseRelease(pair.Value)
		require.NoError(s.t, err)
		if release.State == catalog.Ready || release.State == catalog.Standby {
			explained[target] = release
		}
	}
	return explained
}

func (s *fleetShop) listKeys(folder string) api.KVPairs {
	s.t.Helper()
	pairs, _, err := s.w.consul.Client().KV().List(folder, nil)
	require.NoError(s.t, err)
	return pairs
}

// targetOf is the target that labels tell.
func targetOf(labels map[string]string) string {
	return catalog.Target{Colour: catalog.Colour(labels[catalog.LabelColour]), Environment: labels[catalog.LabelEnvironment]}.String()
}

func (s *fleetShop) byService() filters.Args {
	return filters.NewArgs(filters.Arg("label", catalog.LabelService+"="+s.name))
}

func (s *fleetShop) leftContainers(h *fleetHost, explained map[string]catalog.Release) []string {
	s.t.Helper()
	list, err := h.docker.ContainerList(context.Background(), container.ListOptions{All: true, Filters: s.byService()})
	require.NoError(s.t, err)
	var found []string
	for _, c := range list {
		name := strings.TrimPrefix(c.Names[0], "/")
		release, ok := explained[targetOf(c.Labels)]
		switch {
		case strings.HasSuffix(name, ".kept-"+c.Labels[catalog.LabelDeployment]):
			if c.State == container.StateRunning {
				found = append(found, fmt.Sprintf("%s: container %s of a release that is only kept runs", h.name, name))
			}
		case strings.HasSuffix(name, ".previous"):
			found = append(found, fmt.Sprintf("%s: container %s was put aside", h.name, name))
		case c.Labels[catalog.LabelScope] == catalog.ScopeShared:
		case c.Labels[catalog.LabelTask] != "":
			found = append(found, fmt.Sprintf("%s: container %s of task %s", h.name, name, c.Labels[catalog.LabelTask]))
		case !ok || release.Deployment != c.Labels[catalog.LabelDeployment]:
			found = append(found, fmt.Sprintf("%s: container %s of release %s and deployment %s, %s",
				h.name, name, c.Labels[catalog.LabelRelease], c.Labels[catalog.LabelDeployment], c.Status))
		}
	}
	return found
}

func (s *fleetShop) leftNetworks(h *fleetHost, explained map[string]catalog.Release) []string {
	s.t.Helper()
	list, err := h.docker.NetworkList(context.Background(), network.ListOptions{Filters: s.byService()})
	require.NoError(s.t, err)
	var found []string
	for _, n := range list {
		if _, ok := explained[targetOf(n.Labels)]; !ok && n.Labels[catalog.LabelScope] != catalog.ScopeShared {
			found = append(found, fmt.Sprintf("%s: network %s", h.name, n.Name))
		}
	}
	return found
}

// leftRecords are releases that are half done and deployments that have not ended.
func (s *fleetShop) leftRecords() []string {
	s.t.Helper()
	var found []string
	for _, pair := range s.listKeys(catalog.NewKeys("").ReleasesOf(s.name)) {
		release, err := catalog.ParseRelease(pair.Value)
		require.NoError(s.t, err)
		if release.State == catalog.Staging || release.State == catalog.Dirty {
			found = append(found, fmt.Sprintf("%s is %s", pair.Key, release.State))
		}
	}
	for _, record := range s.deployments() {
		if !record.State.Ended() {
			found = append(found, fmt.Sprintf("deployment %s of release %s is %s", record.ID, record.Release, record.State))
		}
	}
	return found
}

// deployments are the service's records in all environments.
func (s *fleetShop) deployments() []catalog.Deployment {
	s.t.Helper()
	var all []catalog.Deployment
	folder := strings.TrimSuffix(catalog.NewKeys("").Deployments(s.name, ""), "/") // ends in two slashes
	for _, pair := range s.listKeys(folder) {
		record, err := catalog.ParseDeployment(pair.Value)
		require.NoError(s.t, err, pair.Key)
		all = append(all, record)
	}
	return all
}

func (s *fleetShop) leftRegistrations(explained map[string]catalog.Release) []string {
	s.t.Helper()
	list, _, err := s.w.consul.Client().Catalog().Service(s.name, "", nil)
	require.NoError(s.t, err)
	var found []string
	for _, i := range list {
		target := catalog.Target{Colour: catalog.Colour(i.ServiceMeta[catalog.MetaColour]), Environment: i.ServiceMeta[catalog.MetaEnvironment]}
		if release, ok := explained[target.String()]; !ok || release.ID != i.ServiceMeta[catalog.MetaRelease] {
			found = append(found, fmt.Sprintf("%s is registered on %s with release %s", i.ServiceID, i.Node, i.ServiceMeta[catalog.MetaRelease]))
		}
	}
	return found
}

// leftKeys are locks, guards, halts, and requests to drain. Decisions go with the
// record of their deployment.
func (s *fleetShop) leftKeys() []string {
	s.t.Helper()
	keys := catalog.NewKeys("")
	folders := []string{
		strings.TrimSuffix(keys.Lock(s.name, ""), "/") + "/", keys.Guards() + s.name + "/", keys.Halts() + s.name + "/",
	}
	found := s.leftDecisions()
	for _, folder := range folders {
		for _, pair := range s.listKeys(folder) {
			found = append(found, "key "+pair.Key)
		}
	}
	for _, h := range s.w.hosts {
		for _, pair := range s.listKeys(keys.Drains(h.name)) {
			if strings.Contains(pair.Key, s.name+"-") {
				found = append(found, "key "+pair.Key)
			}
		}
	}
	return found
}

// leftDecisions are those about deployments that have no record.
func (s *fleetShop) leftDecisions() []string {
	s.t.Helper()
	known := map[string]bool{}
	for _, record := range s.deployments() {
		known[catalog.NewKeys("").Decision(s.name, record.Environment, record.ID)] = true
	}
	var found []string
	for _, pair := range s.listKeys(strings.TrimSuffix(catalog.NewKeys("").Decision(s.name, "", ""), "//") + "/") {
		if !known[pair.Key] {
			found = append(found, "key "+pair.Key)
		}
	}
	return found
}

// leftSessions are those that say in their name that they are the service's.
func (s *fleetShop) leftSessions() []string {
	s.t.Helper()
	list, _, err := s.w.consul.Client().Session().List(nil)
	require.NoError(s.t, err)
	var found []string
	for _, session := range list {
		words := strings.FieldsFunc(session.Name, func(r rune) bool { return r == ' ' || r == '/' })
		if slices.Contains(words, s.name) {
			found = append(found, fmt.Sprintf("session %q", session.Name))
		}
	}
	return found
}
