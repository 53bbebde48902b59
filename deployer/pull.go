package deployer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// pull pins the images to what their names mean now, sees that they are those
// that an earlier environment has, and has all hosts get them.
func (r *run) pull(ctx context.Context) error {
	pins, err := r.pin(ctx)
	if err != nil {
		return err
	}
	r.record.Images = pins
	if err := r.required(ctx); err != nil {
		return err
	}
	ids, err := r.platform.Pull(ctx, r.work())
	if err != nil {
		return err
	}
	for part, id := range ids {
		if !servicefile.IsPinned(r.record.Images[part]) {
			r.record.Images[part] = id
		}
	}
	if err := r.required(ctx); err != nil { // again, as what is not pinned is known by now
		return err
	}
	r.decide()
	return nil
}

// pin asks the registries what the parts' images are now, all at once. What is
// pinned already, and what lies in no registry that its name tells, stays.
func (r *run) pin(ctx context.Context) (map[string]string, error) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	var errs error
	var asking []func()
	pins := r.pinned()
	for _, part := range r.spec.Parts {
		image := r.wanted(part)
		if pins[part.Name] != "" || r.opt.Registry == nil || !servicefile.NamesRegistry(image) {
			continue
		}
		asking = append(asking, func() {
			pinned, err := r.opt.Registry.Digest(ctx, image)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				pins[part.Name] = pinned
			case errors.Is(err, catalog.ErrNoImage):
				errs = errors.Join(errs, fmt.Errorf("part %s: %w; push the image first", part.Name, err))
			default:
				r.note("image %s can't be pinned by digest, so each host takes what it has or gets under that name: %s", image, err)
			}
		})
	}
	for _, ask := range asking {
		wait.Go(ask)
	}
	wait.Wait()
	return pins, errs
}

// pinned are the images of which nobody need be asked: by digest, or by the id
// that they must have on every host.
func (r *run) pinned() map[string]string {
	pins := map[string]string{}
	for _, part := range r.spec.Parts {
		image := r.wanted(part)
		if asked := r.request.Images[part.Name]; asked != "" && !servicefile.IsPinned(asked) {
			pins[part.Name] = asked
		} else if servicefile.IsPinned(image) {
			pins[part.Name] = image
		}
	}
	return pins
}

// wanted is the image that a part is asked to run, in the environment's own
// registry.
func (r *run) wanted(part servicefile.Part) string {
	image := part.Image
	if asked := r.request.Images[part.Name]; servicefile.IsPinned(asked) {
		image = asked
	}
	return servicefile.InRegistry(image, part, r.env.Registry)
}

// required is that the environment which must have the release before does not
// have it.
func (r *run) required(ctx context.Context) error {
	if r.env.Requires == "" {
		return nil
	}
	earlier, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return fmt.Errorf("read service %s: %w", r.record.Service, err)
	}
	before, err := r.deploymentsTo(ctx, r.record.Service, r.env.Requires)
	if err != nil {
		return err
	}
	return requirement(earlier, before, r.env, r.record.Images)
}

// requirement is that what is live in the environment that env requires is
// another image than one of these, by part, or was not brought there by a
// deployment that succeeded. It is pure.
func requirement(s *catalog.Service, before []catalog.Deployment, env servicefile.Environment, images map[string]string) error {
	if env.Requires == "" {
		return nil
	}
	way := fmt.Sprintf("deploy it there first, or use `teal promote --from %s --to %s`", env.Requires, env.Name)
	release, err := liveRelease(s, env.Requires)
	if err != nil {
		return fmt.Errorf("environment %s requires that the release is live in %s: %w; %s", env.Name, env.Requires, err, way)
	}
	for _, part := range slices.Sorted(maps.Keys(images)) {
		if image := images[part]; servicefile.ImageDigest(release.Images[part]) != servicefile.ImageDigest(image) {
			return fmt.Errorf("environment %s requires what is live in %s, and part %s would run another image (%s) than there (%s); %s",
				env.Name, env.Requires, part, image, orNone(release.Images[part]), way)
		}
	}
	if d, known := broughtBy(before, release); known && d.State != catalog.Succeeded {
		if !d.State.Ended() {
			way = fmt.Sprintf("wait until it has succeeded, or go on with it with `teal resume --environment %s` where its deployer is gone", env.Requires)
		}
		return fmt.Errorf("environment %s requires that the release is live in %s by a deployment that succeeded, and deployment %s of release %s there is %s; %s",
			env.Name, env.Requires, d.ID, release.ID, d.State, way)
	}
	return nil
}

// broughtBy is the deployment that brought a release; false where none did, or so
// long ago that it is recorded no more.
func broughtBy(all []catalog.Deployment, release catalog.Release) (catalog.Deployment, bool) {
	n := slices.IndexFunc(all, func(d catalog.Deployment) bool { return d.ID == release.Deployment })
	if n < 0 {
		return catalog.Deployment{}, false
	}
	return all[n], true
}

// deploymentsTo are the recorded deployments of a service to an environment, the
// oldest first.
func (d *Deployer) deploymentsTo(ctx context.Context, service, environment string) ([]catalog.Deployment, error) {
	all, err := d.opt.Store.Deployments(ctx, service, environment)
	if err != nil {
		return nil, fmt.Errorf("read the deployments of %s to %s: %w", service, environment, err)
	}
	return all, nil
}

func orNone(image string) string {
	if image == "" {
		return "none"
	}
	return image
}

// liveRelease is what an environment's users get.
func liveRelease(s *catalog.Service, environment string) (catalog.Release, error) {
	alias, ok := s.Resolve(environment)
	if !ok {
		return catalog.Release{}, errors.New("nothing was ever deployed there")
	}
	target, ok := alias.Value.Single()
	if !ok {
		return catalog.Release{}, fmt.Errorf("it is split between releases there (%s)", alias.Value)
	}
	release, ok := s.Releases[target]
	if !ok || release.State != catalog.Ready {
		return catalog.Release{}, fmt.Errorf("no release is recorded as ready for %s", target)
	}
	if d := s.Unfinished(target); d != nil {
		return catalog.Release{}, d
	}
	return release, nil
}
