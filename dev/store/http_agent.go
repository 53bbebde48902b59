package store

import (
	"net"
	"net/http"
	"strconv"
)

// agentServiceView is an instance as its agent's API shows it.
type agentServiceView struct {
	ID                string
	Service           string
	Tags              []string
	Meta              map[string]string
	Port              int
	Address           string
	TaggedAddresses   map[string]serviceAddress `json:",omitempty"`
	Weights           weights
	EnableTagOverride bool
	Datacenter        string
}

func (s *Store) agentServiceView(svc *service) agentServiceView {
	view := agentServiceView{
		ID: svc.ID, Service: svc.Name, Tags: svc.Tags, Meta: svc.Meta, Port: svc.Port, Address: svc.Address,
		TaggedAddresses: svc.TaggedAddresses, Weights: svc.Weights, EnableTagOverride: svc.EnableTagOverride,
		Datacenter: s.opts.Datacenter,
	}
	if view.Meta == nil {
		view.Meta = map[string]string{}
	}
	return view
}

func (s *Store) leader(*http.Request, string) (reply, error) {
	return reply{body: net.JoinHostPort(s.opts.AdvertiseAddr, strconv.Itoa(serverPort))}, nil
}

// agentSelf answers the parts of an agent's description that clients ask for.
func (s *Store) agentSelf(*http.Request, string) (reply, error) {
	type object map[string]any
	n := s.state.node
	return reply{body: object{
		"Config": object{
			"Datacenter": n.Datacenter, "PrimaryDatacenter": n.Datacenter, "NodeName": n.Node, "NodeID": n.ID,
			"Revision": "", "Server": true, "Version": version, "BuildDate": "1970-01-01T00:00:01Z",
		},
		"DebugConfig": object{
			"AdvertiseAddrLAN": n.Address, "AdvertiseAddrWAN": n.Address, "TaggedAddresses": n.TaggedAddresses,
			"Datacenter": n.Datacenter, "NodeName": n.Node, "NodeID": n.ID,
		},
		"Member": object{
			"Name": n.Node, "Addr": n.Address, "Port": serverPort + 1, "Status": 1,
			"Tags": object{"dc": n.Datacenter, "id": n.ID, "role": "consul"},
		},
		"Stats": object{"agent": object{"checks": strconv.Itoa(s.countChecks())}},
		"Meta":  n.Meta,
	}}, nil
}

func (s *Store) countChecks() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.local)
}

func (s *Store) agentServices(*http.Request, string) (reply, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	views := make(map[string]agentServiceView)
	for id, svc := range s.state.services {
		if !svc.server {
			views[id] = s.agentServiceView(svc)
		}
	}
	return reply{body: views}, nil
}

func (s *Store) agentService(r *http.Request, id string) (reply, error) {
	if r.URL.Query().Has("hash") {
		return reply{}, badRequest("blocking by hash is not served by the embedded store; use a Consul agent")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state.ownsService(id) != nil {
		return reply{}, notFound("unknown service ID: %s", id)
	}
	return reply{body: s.agentServiceView(s.state.services[id])}, nil
}

// agentChecks answers the agent's checks with their latest output. An agent
// doesn't know the catalogue's indexes.
func (s *Store) agentChecks(r *http.Request, _ string) (reply, error) {
	keep, err := parseFilter(r)
	if err != nil {
		return reply{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	views := make(map[string]healthCheck)
	for id, local := range s.local {
		check := *s.state.checks[id]
		check.Output = local.output
		check.CreateIndex, check.ModifyIndex = 0, 0
		if keep(&check) {
			views[id] = check
		}
	}
	return reply{body: views}, nil
}

func (s *Store) putAgentService(r *http.Request, _ string) (reply, error) {
	var def serviceDefinition
	if err := decode(r, &def); err != nil {
		return reply{}, err
	}
	if err := def.validate(); err != nil {
		return reply{}, badRequest("%v", err)
	}
	params := r.URL.Query()
	value := params.Get("replace-existing-checks")
	replace := params.Has("replace-existing-checks") && (value == "" || value == "true")
	return reply{}, s.registerService(&def, replace)
}

func (s *Store) deleteAgentService(_ *http.Request, id string) (reply, error) {
	return reply{}, s.deregisterService(id)
}

func (s *Store) putMaintenance(r *http.Request, id string) (reply, error) {
	params := r.URL.Query()
	switch {
	case id == "":
		return reply{}, badRequest("Missing service ID")
	case !params.Has("enable"):
		return reply{}, badRequest("Missing value for enable")
	}
	enable, err := strconv.ParseBool(params.Get("enable"))
	if err != nil {
		return reply{}, badRequest("Invalid value for enable: %q", params.Get("enable"))
	}
	return reply{}, s.setMaintenance(id, enable, params.Get("reason"))
}

func (s *Store) putAgentCheck(r *http.Request, _ string) (reply, error) {
	var def checkDefinition
	if err := decode(r, &def); err != nil {
		return reply{}, err
	}
	switch {
	case def.CheckID != "":
		return reply{}, badRequest("%v", errUnknownField("CheckID"))
	case def.Name == "":
		return reply{}, badRequest("Missing check name")
	case def.Status != "" && !validStatus(def.Status):
		return reply{}, badRequest("Bad check status")
	}
	if err := def.validate(); err != nil {
		return reply{}, badRequest("Invalid check: %v", err)
	}
	return reply{}, s.registerCheck(&def)
}

func (s *Store) deleteAgentCheck(_ *http.Request, id string) (reply, error) {
	return reply{}, s.deregisterCheck(id)
}

// putTTL returns the endpoint that sets a TTL check to one status.
func (s *Store) putTTL(status string) endpoint {
	return func(r *http.Request, id string) (reply, error) {
		return reply{}, s.updateTTL(id, status, r.URL.Query().Get("note"))
	}
}

func (s *Store) putTTLUpdate(r *http.Request, id string) (reply, error) {
	var update struct{ Status, Output string }
	if err := decode(r, &update); err != nil {
		return reply{}, err
	}
	if !validStatus(update.Status) {
		return reply{}, badRequest("Invalid check status: '%s'", update.Status)
	}
	return reply{}, s.updateTTL(id, update.Status, update.Output)
}
