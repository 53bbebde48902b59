package consul

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// Registered is every service of the local agent, whoever registered it, with
// its checks' ids (their definitions an agent does not tell).
func (s *Store) Registered(ctx context.Context) ([]catalog.Registration, error) {
	const doing = "list the agent's services"
	services, err := s.api.Agent().ServicesWithFilterOpts("", s.query(ctx))
	if err != nil {
		return nil, s.explain(err, doing)
	}
	checks, err := s.api.Agent().ChecksWithFilterOpts("", s.query(ctx))
	if err != nil {
		return nil, s.explain(err, doing)
	}
	byService := map[string][]catalog.Check{}
	for _, c := range checks {
		if !catalog.IsMaintenanceCheck(c.CheckID) {
			byService[c.ServiceID] = append(byService[c.ServiceID], catalog.Check{ID: c.CheckID, Name: c.Name})
		}
	}
	var list []catalog.Registration
	for id, svc := range services {
		list = append(list, catalog.Registration{
			ID: id, Service: svc.Service, Address: svc.Address, Port: svc.Port,
			Tags: svc.Tags, Meta: svc.Meta, Checks: byService[id],
		})
	}
	return list, nil
}

// Register makes the local agent know the instance exactly so, its checks
// included; checks that it had and r has not are removed.
func (s *Store) Register(ctx context.Context, r catalog.Registration) error {
	reg := &api.AgentServiceRegistration{
		ID: r.ID, Name: r.Service, Address: r.Address, Port: r.Port, Tags: r.Tags, Meta: r.Meta,
	}
	for _, c := range r.Checks {
		reg.Checks = append(reg.Checks, agentCheck(c))
	}
	opts := api.ServiceRegisterOpts{ReplaceExistingChecks: true}.WithContext(ctx)
	return s.explain(s.api.Agent().ServiceRegisterOpts(reg, opts), "register "+r.ID)
}

func agentCheck(c catalog.Check) *api.AgentServiceCheck {
	check := &api.AgentServiceCheck{
		CheckID: c.ID, Name: c.Name, HTTP: c.HTTP, TCP: c.TCP,
		Status: api.HealthCritical, // nothing passes before it has been checked
	}
	if c.TTL > 0 {
		check.TTL = c.TTL.String()
		return check
	}
	check.Interval = c.Interval.String()
	if c.Timeout > 0 {
		check.Timeout = c.Timeout.Round(time.Millisecond).String()
	}
	return check
}

// Deregister makes the local agent forget an instance; one it does not know is
// no error.
func (s *Store) Deregister(ctx context.Context, id string) error {
	err := s.api.Agent().ServiceDeregisterOpts(id, s.query(ctx))
	var status api.StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		return nil
	}
	return s.explain(err, "deregister "+id)
}
