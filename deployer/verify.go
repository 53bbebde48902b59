package deployer

import (
	"context"
	"errors"
	"fmt"

	"teal/catalog"
	"teal/deployer/servicefile"
	"teal/deployer/work"
)

// Verified is how what is live in an environment does.
type Verified struct {
	Service     string         `json:"service"`
	Environment string         `json:"environment"`
	Target      catalog.Target `json:"target"`
	Release     string         `json:"release"`
	Deployment  string         `json:"deployment,omitempty"` // that brought it
	Passing     int            `json:"passing"`              // instances
	Routers     int            `json:"routers"`              // that have applied every flip
	Smoke       int            `json:"smoke"`                // tests that passed through the stable URI
	// Problems is what is not as it should be, a sentence each.
	Problems []string `json:"problems"`
}

// ErrNotVerified: what is live is not as it should be.
var ErrNotVerified = errors.New("it is not as it should be")

// Verify looks whether what is live in an environment does what the service file
// asks for: every instance passes, all routers have the last flip, no container is
// missing, another one, or unknown to Consul, and the smoke tests and the test command pass at the
// stable URI, as users meet it. It changes nothing. Problems are in the answer and
// make an error that wraps ErrNotVerified.
func (d *Deployer) Verify(ctx context.Context, spec *servicefile.Spec, environment string) (Verified, error) {
	env, err := spec.Environment(environment)
	if err != nil {
		return Verified{}, err
	}
	s, err := d.opt.Store.Service(ctx, spec.Service)
	if err != nil {
		return Verified{}, fmt.Errorf("read service %s: %w", spec.Service, err)
	}
	routers, err := d.opt.Store.Routers(ctx)
	if err != nil {
		return Verified{}, fmt.Errorf("read the routers: %w", err)
	}
	v := verification{
		run:      &run{Deployer: d, spec: spec.In(env), env: env, service: s},
		Verified: Verified{Service: spec.Service, Environment: environment, Problems: []string{}},
	}
	v.live(s)
	v.routed(describeService(s, routers).Routers)
	if err := v.standing(ctx); err != nil {
		return v.Verified, err
	}
	if len(v.Problems) == 0 {
		v.ask(ctx)
	}
	if len(v.Problems) > 0 {
		return v.Verified, fmt.Errorf("verify %s in %s: %w", spec.Service, environment, ErrNotVerified)
	}
	return v.Verified, nil
}

type verification struct {
	*run
	Verified
}

func (v *verification) problem(format string, args ...any) {
	v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
}

// live looks at the release and its instances.
func (v *verification) live(s *catalog.Service) {
	release, err := liveRelease(s, v.Environment)
	if err != nil {
		v.problem("no release is live in %s: %s", v.Environment, err)
		return
	}
	alias, _ := s.Resolve(v.Environment)
	v.Target, _ = alias.Value.Single()
	v.Verified.Release, v.Verified.Deployment = release.ID, release.Deployment
	v.record = catalog.Deployment{Service: s.Name, Environment: v.Environment, Target: v.Target, Release: release.ID}
	now := read(s, v.Target, release.ID, nil)
	v.Passing, v.guards = len(now.passing), now.passing
	if v.Passing == 0 {
		v.problem("no instance of release %s passes its checks", release.ID)
	}
	for _, c := range failedChecks(now.others) {
		v.problem("check %s of %s on %s is %s", c.Check, c.Instance, c.Node, c.Status)
	}
}

// routed looks at the routers.
func (v *verification) routed(routers []RouterStatus) {
	for _, router := range routers {
		if router.Current {
			v.Routers++
		} else {
			v.problem("router %s has not applied the last flip", router.ID)
		}
	}
	if len(routers) == 0 {
		v.problem("no router is running, so nobody gets the service")
	}
}

// standing looks at the hosts that the live release was brought to, less those that
// were left out then, and at no others: they are none of its own.
func (v *verification) standing(ctx context.Context) error {
	all, err := v.opt.Store.Deployments(ctx, v.spec.Service, v.Environment)
	if err != nil {
		return fmt.Errorf("read the deployments of %s to %s: %w", v.spec.Service, v.Environment, err)
	}
	record, known := bringer(v.service, all, v.Target)
	if !known || v.Target.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, surveyTimeout)
	defer cancel()
	var there []work.Placed
	for _, one := range v.survey(ctx, record.Hosts, v.spec.Service, v.Environment) {
		if one.Err != nil {
			v.problem("%s", one.Err)
			continue
		}
		for _, drift := range driftOn(record, v.Target, true, one) {
			v.problem("%s", drift)
		}
		for _, c := range one.of(v.Target) {
			there = append(there, work.Placed{Container: c, Place: one.Endpoint})
		}
	}
	for _, missing := range unregistered(there, v.service, v.Target) {
		v.problem("%s", missing)
	}
	return nil
}

// ask holds what is live to the smoke tests and the test command, at the URI that
// never changes.
func (v *verification) ask(ctx context.Context) {
	v.at = v.Environment
	if err := v.smoke(ctx); err != nil {
		v.problem("%s", err)
		return
	}
	v.Smoke = len(v.spec.Gates.Smoke)
	if err := v.runTest(ctx); err != nil {
		v.problem("%s", err)
	}
}
