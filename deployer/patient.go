package deployer

import (
	"context"
	"errors"
	"time"

	"teal/catalog"
	"teal/deployer/timing"
)

// patientStore tries again for a while what Consul could not do, so that a moment
// without it ends no deployment. What Consul refuses it answers at once. Locks and
// flips it leaves alone: the store itself knows when to ask for the first again,
// and whether the second went through has to be asked.
type patientStore struct {
	Store
	patience, pause time.Duration
}

// insistByHand is how long what a person does and waits for is tried again: longer
// than Consul takes to elect a leader.
const insistByHand = 10 * time.Second

// patiently is the deployer for work that is under way.
func (d *Deployer) patiently() *Deployer {
	patient := *d
	patient.opt.Store = patientStore{d.impatient(), d.opt.Insist, d.opt.Poll}
	return &patient
}

// impatient is the store that asks once.
func (d *Deployer) impatient() Store {
	if s, patient := d.opt.Store.(patientStore); patient {
		return s.Store
	}
	return d.opt.Store
}

// byHand is the deployer for what a person does and waits for.
func (d *Deployer) byHand() *Deployer {
	brief := *d
	brief.opt.Insist = min(d.opt.Insist, insistByHand)
	return brief.patiently()
}

// insist does something until it is done or refused, or the time is over.
func insist[T any](ctx context.Context, s patientStore, do func() (T, error)) (T, error) {
	deadline := time.Now().Add(s.patience)
	for {
		answer, err := do()
		if err == nil || hopeless(err) || time.Now().After(deadline) || timing.Sleep(ctx, s.pause) != nil {
			return answer, err
		}
	}
}

func (s patientStore) insist(ctx context.Context, do func() error) error {
	_, err := insist(ctx, s, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// hopeless tells whether trying again is of no use.
func hopeless(err error) bool {
	for _, refusal := range []error{
		catalog.ErrMoved, catalog.ErrUnhealthy, catalog.ErrLockLost, catalog.ErrTooManyChecks,
		catalog.ErrLocked, catalog.ErrChanged, catalog.ErrDenied, errUnknownOutcome,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

func (s patientStore) Service(ctx context.Context, name string) (*catalog.Service, error) {
	return insist(ctx, s, func() (*catalog.Service, error) { return s.Store.Service(ctx, name) })
}

func (s patientStore) Routers(ctx context.Context) ([]catalog.RouterRecord, error) {
	return insist(ctx, s, func() ([]catalog.RouterRecord, error) { return s.Store.Routers(ctx) })
}

func (s patientStore) Hosts(ctx context.Context) ([]catalog.HostRecord, error) {
	return insist(ctx, s, func() ([]catalog.HostRecord, error) { return s.Store.Hosts(ctx) })
}

func (s patientStore) PutDeployment(ctx context.Context, d catalog.Deployment, session string) error {
	return s.insist(ctx, func() error { return s.Store.PutDeployment(ctx, d, session) })
}

func (s patientStore) Deployments(ctx context.Context, service, environment string) ([]catalog.Deployment, error) {
	return insist(ctx, s, func() ([]catalog.Deployment, error) { return s.Store.Deployments(ctx, service, environment) })
}

func (s patientStore) PutRelease(ctx context.Context, service string, t catalog.Target, r catalog.Release, session string) error {
	return s.insist(ctx, func() error { return s.Store.PutRelease(ctx, service, t, r, session) })
}

func (s patientStore) StageRelease(ctx context.Context, service string, t catalog.Target, old *catalog.Release, r catalog.Release, alias catalog.Alias, session string) error {
	return s.insist(ctx, func() error { return s.Store.StageRelease(ctx, service, t, old, r, alias, session) })
}

func (s patientStore) DeleteRelease(ctx context.Context, service string, t catalog.Target, session string) error {
	return s.insist(ctx, func() error { return s.Store.DeleteRelease(ctx, service, t, session) })
}

func (s patientStore) UpdateServiceConfig(ctx context.Context, service string, change func(catalog.ServiceConfig) catalog.ServiceConfig) error {
	return s.insist(ctx, func() error { return s.Store.UpdateServiceConfig(ctx, service, change) })
}
