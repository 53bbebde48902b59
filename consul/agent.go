package consul

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// Register makes the local agent know the instance exactly so, its checks
// included; checks that it had and r has not are removed, one by one: an agent
// that is asked to replace all takes maintenance for one of them. An agent that
// will never have it answers catalog.ErrRefused.
func (s *Store) Register(ctx context.Context, r catalog.Registration) error {
	reg := &api.AgentServiceRegistration{
		ID: r.ID, Name: r.Service, Address: r.Address, Port: r.Port, Tags: r.Tags, Meta: r.Meta,
	}
	for _, c := range r.Checks {
		reg.Checks = append(reg.Checks, agentCheck(c))
	}
	doing := "register " + r.ID
	err := s.api.Agent().ServiceRegisterOpts(reg, api.ServiceRegisterOpts{}.WithContext(ctx))
	if err != nil {
		return forGood(err, s.explain(err, doing))
	}
	return s.dropChecks(ctx, r)
}

// dropChecks removes the checks of an instance that r does not have. Before
// that, they can only make it look worse.
func (s *Store) dropChecks(ctx context.Context, r catalog.Registration) error {
	doing := "remove the former checks of " + r.ID
	filter := fmt.Sprintf("ServiceID == %q", r.ID)
	if strings.ContainsAny(r.ID, "\"\\") {
		filter = "" // all of them, rather than a filter that has to be escaped
	}
	checks, err := s.api.Agent().ChecksWithFilterOpts(filter, s.query(ctx))
	if err != nil {
		return s.explain(err, doing)
	}
	for id, c := range checks {
		wanted := slices.ContainsFunc(r.Checks, func(w catalog.Check) bool { return w.ID == id })
		if wanted || catalog.IsMaintenanceCheck(id) || c.ServiceID != r.ID {
			continue
		}
		err := s.api.Agent().CheckDeregisterOpts(id, s.query(ctx))
		if err != nil && !notFound(err) {
			return s.explain(err, doing)
		}
	}
	return nil
}

// permanent is a failure that comes again, whenever the same is asked again.
type permanent struct{ error }

func (permanent) Is(target error) bool { return target == catalog.ErrRefused }

func (p permanent) Unwrap() error { return p.error }

// forGood marks what the agent has understood and will not do: a definition
// without sense, or a kind of check that it may not run.
func forGood(err, explained error) error {
	var status api.StatusError
	if !errors.As(err, &status) {
		return explained
	}
	if status.Code == http.StatusBadRequest || strings.Contains(status.Body, "Scripts are disabled on this agent") {
		return permanent{explained}
	}
	return explained
}

func agentCheck(c catalog.Check) *api.AgentServiceCheck {
	check := &api.AgentServiceCheck{
		CheckID: c.ID, Name: c.Name,
		HTTP: c.HTTP, Method: c.Method, Header: c.Header, Body: c.Body, TCP: c.TCP,
		GRPC: c.GRPC, GRPCUseTLS: c.GRPCUseTLS, TLSSkipVerify: c.TLSSkipVerify,
		Args: c.Args, DockerContainerID: c.Container,
		SuccessBeforePassing: c.SuccessBeforePassing, FailuresBeforeCritical: c.FailuresBeforeCritical,
		Status: api.HealthCritical, // nothing passes before it has been checked
	}
	if c.Initial != "" {
		check.Status = string(c.Initial)
	}
	check.DeregisterCriticalServiceAfter = spell(c.DeregisterAfter)
	if c.TTL > 0 {
		check.TTL = spell(c.TTL)
		return check
	}
	check.Interval, check.Timeout = spell(c.Interval), spell(c.Timeout.Round(time.Millisecond))
	return check
}

// spell writes a time as the agent reads it; none is nothing.
func spell(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return d.String()
}

// Deregister makes the local agent forget an instance; one it does not know is
// no error.
func (s *Store) Deregister(ctx context.Context, id string) error {
	err := s.api.Agent().ServiceDeregisterOpts(id, s.query(ctx))
	if notFound(err) {
		return nil
	}
	return s.explain(err, "deregister "+id)
}

// Report tells the local agent what a check with a TTL says now.
func (s *Store) Report(ctx context.Context, checkID string, status catalog.Health, output string) error {
	err := s.api.Agent().UpdateTTLOpts(checkID, output, string(status), s.query(ctx))
	return s.explain(err, "report to check "+checkID)
}

// Maintain puts an instance of the local agent into maintenance, or ends that
// when reason is empty. One that is in maintenance keeps its reason.
func (s *Store) Maintain(ctx context.Context, id, reason string) error {
	if reason == "" {
		err := s.api.Agent().DisableServiceMaintenanceOpts(id, s.query(ctx))
		return s.explain(err, "end the maintenance of "+id)
	}
	err := s.api.Agent().EnableServiceMaintenanceOpts(id, reason, s.query(ctx))
	return s.explain(err, "put "+id+" into maintenance")
}

func notFound(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}
