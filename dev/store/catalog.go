package store

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// States of a check.
const (
	statusPassing  = "passing"
	statusWarning  = "warning"
	statusCritical = "critical"
	// statusAny stands for all of them in queries.
	statusAny = "any"
)

// serfHealth is the id of the node's liveness check.
const serfHealth = "serfHealth"

func validStatus(status string) bool {
	return status == statusPassing || status == statusWarning || status == statusCritical
}

// service is one instance in the catalogue. Never nil: Tags.
type service struct {
	ID                string
	Name              string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]serviceAddress
	Meta              map[string]string
	Port              int
	Weights           weights
	EnableTagOverride bool
	CreateIndex       uint64
	ModifyIndex       uint64

	// server marks the service every Consul server has in the catalogue,
	// which no agent registered.
	server bool
}

type serviceAddress struct {
	Address string
	Port    int
}

type weights struct {
	Passing int
	Warning int
}

func (s *service) same(o *service) bool {
	a, b := *s, *o
	a.CreateIndex, a.ModifyIndex = 0, 0
	b.CreateIndex, b.ModifyIndex = 0, 0
	return reflect.DeepEqual(a, b)
}

func (s *service) hasTags(tags []string) bool {
	for _, tag := range tags {
		if !slices.Contains(s.Tags, tag) {
			return false
		}
	}
	return true
}

// healthCheck is one check as Consul's JSON shows it. Never nil: ServiceTags.
type healthCheck struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string
	Timeout     string
	ExposedPort int
	Definition  struct{}
	CreateIndex uint64
	ModifyIndex uint64
}

func (c *healthCheck) same(o *healthCheck) bool {
	a, b := *c, *o
	a.CreateIndex, a.ModifyIndex = 0, 0
	b.CreateIndex, b.ModifyIndex = 0, 0
	return reflect.DeepEqual(a, b)
}

func serverService() service {
	return service{
		ID: "consul", Name: "consul", Tags: []string{}, Port: serverPort,
		Weights: weights{Passing: 1, Warning: 1}, server: true,
	}
}

func serfCheck(node string) healthCheck {
	return healthCheck{
		Node: node, CheckID: serfHealth, Name: "Serf Health Status",
		Status: statusPassing, Output: "Agent alive and reachable", ServiceTags: []string{},
	}
}

// putService registers an instance, or does nothing if it is so registered.
func (w *write) putService(svc service) {
	old := w.services[svc.ID]
	if old != nil && old.same(&svc) {
		return
	}
	svc.CreateIndex, svc.ModifyIndex = w.index, w.index
	if old != nil {
		svc.CreateIndex = old.CreateIndex
	}
	w.services[svc.ID] = &svc
	w.touchMembership()
	w.serviceIndex[svc.Name] = w.index
	w.touchService(svc.Name)
	if old != nil && old.Name != svc.Name {
		w.lostInstance(old.Name)
	}
}

// removeService removes an instance with its checks, which ends the sessions
// bound to them. An unknown id does nothing.
func (w *write) removeService(id string) {
	svc := w.services[id]
	if svc == nil {
		return
	}
	for _, check := range w.checks {
		if check.ServiceID == id {
			w.removeCheck(check.CheckID)
		}
	}
	delete(w.services, id)
	w.touchMembership()
	w.lostInstance(svc.Name)
}

// putCheck stores a check, whose service must be registered. A critical one
// ends the sessions bound to it.
func (w *write) putCheck(check healthCheck) {
	if svc := w.services[check.ServiceID]; svc != nil {
		check.ServiceName, check.ServiceTags = svc.Name, svc.Tags
	}
	if check.Status == statusCritical {
		w.deleteSessionsOf(check.CheckID)
	}
	old := w.checks[check.CheckID]
	check.CreateIndex, check.ModifyIndex = w.index, w.index
	if old != nil {
		if old.same(&check) {
			return
		}
		check.CreateIndex = old.CreateIndex
		w.touchCheck(old)
	}
	w.checks[check.CheckID] = &check
	w.touchCheck(&check)
}

// removeCheck removes a check and ends the sessions bound to it. An unknown id
// does nothing.
func (w *write) removeCheck(id string) {
	check := w.checks[id]
	if check == nil {
		return
	}
	delete(w.checks, id)
	w.deleteSessionsOf(id)
	w.touchCheck(check)
	if check.ServiceID == "" {
		w.touchMembership()
	}
}

// touchMembership marks the lists of services and nodes as changed.
func (w *write) touchMembership() {
	w.servicesIndex, w.nodesIndex = w.index, w.index
	w.touch(topicServices)
	w.touch(topicNodes)
}

// touchService marks a service as changed. Only one that exists has an index.
func (w *write) touchService(name string) {
	if _, ok := w.serviceIndex[name]; ok {
		w.serviceIndex[name] = w.index
	}
	w.touch(serviceTopic(name))
}

// lostInstance marks a service as changed, or as gone with its last instance.
func (w *write) lostInstance(name string) {
	w.touchService(name)
	for _, svc := range w.services {
		if svc.Name == name {
			return
		}
	}
	delete(w.serviceIndex, name)
	w.extinctionIndex = w.index
}

// touchCheck marks what shows the check: its service, or all services if it is
// one of the node.
func (w *write) touchCheck(check *healthCheck) {
	w.checksIndex = w.index
	w.touch(topicChecks)
	w.touch(stateTopic(check.Status))
	if check.ServiceID != "" {
		w.touchService(check.ServiceName)
		return
	}
	for name := range w.serviceIndex {
		w.touchService(name)
	}
}

// catalogIndex is the index of queries for a service by name.
func (st *state) catalogIndex(name string) uint64 {
	if index, ok := st.serviceIndex[name]; ok {
		return index
	}
	if st.extinctionIndex > 0 {
		return st.extinctionIndex
	}
	return max(st.servicesIndex, st.nodesIndex, st.checksIndex)
}

// instances returns the instances of a service that have all the tags, in
// order of their ids.
func (st *state) instances(name string, tags []string) []*service {
	var list []*service
	for _, svc := range st.services {
		if svc.Name == name && svc.hasTags(tags) {
			list = append(list, svc)
		}
	}
	slices.SortFunc(list, func(a, b *service) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// serviceTags returns every service name with its instances' tags.
func (st *state) serviceTags() map[string][]string {
	all := make(map[string][]string)
	for _, id := range slices.Sorted(maps.Keys(st.services)) {
		svc := st.services[id]
		tags := all[svc.Name]
		if tags == nil {
			tags = []string{}
		}
		for _, tag := range svc.Tags {
			if !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
		all[svc.Name] = tags
	}
	return all
}

// sortedChecks returns the checks that keep accepts, in order of their ids.
func (st *state) sortedChecks(keep func(*healthCheck) bool) []*healthCheck {
	list := make([]*healthCheck, 0)
	for _, check := range st.checks {
		if keep(check) {
			list = append(list, check)
		}
	}
	slices.SortFunc(list, func(a, b *healthCheck) int { return cmp.Compare(a.CheckID, b.CheckID) })
	return list
}

// checksOf returns, by instance, what decides over it: the node's checks, then
// its own.
func (st *state) checksOf(list []*service) map[string][]*healthCheck {
	own := make(map[string][]*healthCheck, len(list))
	for _, svc := range list {
		own[svc.ID] = nil
	}
	var shared []*healthCheck
	for _, check := range st.sortedChecks(func(c *healthCheck) bool {
		_, asked := own[c.ServiceID]
		return asked || c.ServiceID == ""
	}) {
		if check.ServiceID == "" {
			shared = append(shared, check)
		} else {
			own[check.ServiceID] = append(own[check.ServiceID], check)
		}
	}
	for id, checks := range own {
		own[id] = slices.Concat(shared, checks)
	}
	return own
}
