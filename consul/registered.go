package consul

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// answers is what the agent last said of its services and checks, and what that
// means. An agent that says the same again, which it nearly always does, need not
// be understood again.
type answers struct {
	mu               sync.Mutex
	services, checks json.RawMessage
	list             []catalog.Registration
}

// Registered is every service of the local agent, whoever registered it, with
// its checks' ids and what they say (their definitions an agent does not tell),
// and the reason of its maintenance. The maps and slices within are not the
// caller's to change.
func (s *Store) Registered(ctx context.Context) ([]catalog.Registration, error) {
	const doing = "list the agent's services"
	var services, checks json.RawMessage
	if _, err := s.api.Raw().Query("/v1/agent/services", &services, s.query(ctx)); err != nil {
		return nil, s.explain(err, doing)
	}
	if _, err := s.api.Raw().Query("/v1/agent/checks", &checks, s.query(ctx)); err != nil {
		return nil, s.explain(err, doing)
	}
	list, err := s.answers.understand(services, checks)
	if err != nil {
		return nil, fmt.Errorf("%s: the answer of Consul at %s is unreadable: %w", doing, s.addr, err)
	}
	return list, nil
}

// understand answers what services and checks mean; it keeps both.
func (a *answers) understand(services, checks json.RawMessage) ([]catalog.Registration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.services == nil || !bytes.Equal(services, a.services) || !bytes.Equal(checks, a.checks) {
		list, err := registrations(services, checks)
		if err != nil {
			return nil, err
		}
		a.services, a.checks, a.list = services, checks, list
	}
	return slices.Clone(a.list), nil
}

// registrations puts each service together with its checks.
func registrations(services, checks json.RawMessage) ([]catalog.Registration, error) {
	var svcs map[string]*api.AgentService
	if err := json.Unmarshal(services, &svcs); err != nil {
		return nil, err
	}
	var chks map[string]*api.AgentCheck
	if err := json.Unmarshal(checks, &chks); err != nil {
		return nil, err
	}
	byService, reasons := map[string][]catalog.Check{}, map[string]string{}
	for _, c := range chks {
		if catalog.IsMaintenanceCheck(c.CheckID) {
			reasons[c.ServiceID] = c.Notes
			continue
		}
		byService[c.ServiceID] = append(byService[c.ServiceID], catalog.Check{
			ID: c.CheckID, Name: c.Name, Status: catalog.Health(c.Status), Output: c.Output,
		})
	}
	var list []catalog.Registration
	for id, svc := range svcs {
		list = append(list, catalog.Registration{
			ID: id, Service: svc.Service, Address: svc.Address, Port: svc.Port,
			Tags: svc.Tags, Meta: svc.Meta, Checks: byService[id], Maintenance: reasons[id],
		})
	}
	return list, nil
}
