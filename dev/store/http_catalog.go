package store

import (
	"net/http"
	"slices"
)

// proxyView is the configuration of a Connect proxy, which no instance here is.
type proxyView struct {
	Mode        string
	MeshGateway struct{}
	Expose      struct{}
}

// catalogServiceView is an instance with its node, in one flat row.
type catalogServiceView struct {
	ID                       string
	Node                     string
	Address                  string
	Datacenter               string
	TaggedAddresses          map[string]string
	NodeMeta                 map[string]string
	ServiceKind              string
	ServiceID                string
	ServiceName              string
	ServiceTags              []string
	ServiceAddress           string
	ServiceTaggedAddresses   map[string]serviceAddress `json:",omitempty"`
	ServiceWeights           weights
	ServiceMeta              map[string]string
	ServicePort              int
	ServicePorts             []struct{}
	ServiceSocketPath        string
	ServiceEnableTagOverride bool
	ServiceProxy             proxyView
	ServiceConnect           struct{}
	ServiceLocality          *struct{}
	CreateIndex              uint64
	ModifyIndex              uint64
}

func newCatalogServiceView(n *node, svc *service) catalogServiceView {
	view := catalogServiceView{
		ID: n.ID, Node: n.Node, Address: n.Address, Datacenter: n.Datacenter,
		TaggedAddresses: n.TaggedAddresses, NodeMeta: n.Meta,
		ServiceID: svc.ID, ServiceName: svc.Name, ServiceTags: svc.Tags, ServiceAddress: svc.Address,
		ServiceTaggedAddresses: svc.TaggedAddresses, ServiceWeights: svc.Weights, ServiceMeta: svc.Meta,
		ServicePort: svc.Port, ServiceEnableTagOverride: svc.EnableTagOverride,
		CreateIndex: svc.CreateIndex, ModifyIndex: svc.ModifyIndex,
	}
	if view.ServiceMeta == nil {
		view.ServiceMeta = map[string]string{}
	}
	return view
}

// healthServiceView is an instance, its node and what decides over its health.
type healthServiceView struct {
	Node    *node
	Service instanceView
	Checks  []*healthCheck
}

type instanceView struct {
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]serviceAddress `json:",omitempty"`
	Meta              map[string]string
	Port              int `json:",omitempty"`
	Weights           weights
	EnableTagOverride bool
	Proxy             proxyView
	Connect           struct{}
	PeerName          string
	CreateIndex       uint64
	ModifyIndex       uint64
}

func newInstanceView(svc *service) instanceView {
	return instanceView{
		ID: svc.ID, Service: svc.Name, Tags: svc.Tags, Address: svc.Address, TaggedAddresses: svc.TaggedAddresses,
		Meta: svc.Meta, Port: svc.Port, Weights: svc.Weights, EnableTagOverride: svc.EnableTagOverride,
		CreateIndex: svc.CreateIndex, ModifyIndex: svc.ModifyIndex,
	}
}

func (v healthServiceView) passing() bool {
	return !slices.ContainsFunc(v.Checks, func(c *healthCheck) bool { return c.Status != statusPassing })
}

func (s *Store) catalogServices(r *http.Request, _ string) (reply, error) {
	return queried(s.query(r, topicServices, func(st *state) answer {
		return answer{body: st.serviceTags(), index: st.servicesIndex}
	}))
}

func (s *Store) catalogNodes(r *http.Request, _ string) (reply, error) {
	return queried(s.query(r, topicNodes, func(st *state) answer {
		return answer{body: []*node{st.node}, index: st.nodesIndex}
	}))
}

func (s *Store) catalogService(r *http.Request, name string) (reply, error) {
	if name == "" {
		return reply{}, badRequest("Missing service name")
	}
	tags := r.URL.Query()["tag"]
	return queried(s.query(r, serviceTopic(name), func(st *state) answer {
		views := []catalogServiceView{}
		for _, svc := range st.instances(name, tags) {
			views = append(views, newCatalogServiceView(st.node, svc))
		}
		return answer{body: views, index: st.catalogIndex(name)}
	}))
}

func (s *Store) healthService(r *http.Request, name string) (reply, error) {
	if name == "" {
		return reply{}, badRequest("Missing service name")
	}
	passing, err := flag(r, "passing")
	if err != nil {
		return reply{}, err
	}
	tags := r.URL.Query()["tag"]
	return queried(s.query(r, serviceTopic(name), func(st *state) answer {
		views, list := []healthServiceView{}, st.instances(name, tags)
		checks := st.checksOf(list)
		for _, svc := range list {
			view := healthServiceView{Node: st.node, Service: newInstanceView(svc), Checks: checks[svc.ID]}
			if !passing || view.passing() {
				views = append(views, view)
			}
		}
		return answer{body: views, index: st.catalogIndex(name)}
	}))
}

func (s *Store) healthNode(r *http.Request, name string) (reply, error) {
	if name == "" {
		return reply{}, badRequest("Missing node name")
	}
	return s.checks(r, topicChecks, func(c *healthCheck) bool { return c.Node == name })
}

func (s *Store) healthChecks(r *http.Request, name string) (reply, error) {
	if name == "" {
		return reply{}, badRequest("Missing service name")
	}
	return s.checks(r, serviceTopic(name), func(c *healthCheck) bool { return c.ServiceName == name })
}

func (s *Store) healthState(r *http.Request, status string) (reply, error) {
	if status == "" {
		return reply{}, badRequest("Missing check state")
	}
	if status == statusAny {
		return s.checks(r, topicChecks, func(*healthCheck) bool { return true })
	}
	return s.checks(r, stateTopic(status), func(c *healthCheck) bool { return c.Status == status })
}

// checks answers the checks that keep and the request's filter accept. The
// index is that of all checks, as in Consul, but only the topic wakes.
func (s *Store) checks(r *http.Request, t topic, keep func(*healthCheck) bool) (reply, error) {
	filter, err := parseFilter(r)
	if err != nil {
		return reply{}, err
	}
	return queried(s.query(r, t, func(st *state) answer {
		list := st.sortedChecks(func(c *healthCheck) bool { return keep(c) && filter(c) })
		return answer{body: list, index: st.checksIndex}
	}))
}
