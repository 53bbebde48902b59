package deployer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/servicefile"
	"teal/deployer/timing"
)

// Promotion is the request that brings what is live in one environment to
// another: the very same images, under the same name of the release. Where the
// other environment has a registry of its own, they are copied there first, unless
// it is a dry run. Where deployment is not empty, it must be the one that brought
// what is live.
func (d *Deployer) Promotion(ctx context.Context, spec *servicefile.Spec, from, to, deployment string, dryRun bool) (Request, error) {
	target, err := spec.Environment(to)
	if err != nil {
		return Request{}, err
	}
	if from == to {
		return Request{}, fmt.Errorf("environment %s can't be promoted to itself", from)
	}
	s, err := d.opt.Store.Service(ctx, spec.Service)
	if err != nil {
		return Request{}, fmt.Errorf("read service %s: %w", spec.Service, err)
	}
	release, err := liveRelease(s, from)
	if err != nil {
		return Request{}, fmt.Errorf("promote what is live in %s: %w", from, err)
	}
	if deployment != "" && release.Deployment != deployment {
		return Request{}, fmt.Errorf("promote what is live in %s: that is release %s of deployment %s by now, and deployment %s was to be promoted", from, release.ID, orNone(release.Deployment), deployment)
	}
	req := Request{Spec: spec, Environment: to, Release: release.ID, Revision: release.Revision, From: from, Images: maps.Clone(release.Images)}
	if err := d.describeSource(ctx, &req, from, release); err != nil {
		return Request{}, err
	}
	return req, d.carry(ctx, &req, target, dryRun)
}

// describeSource takes over from the record what else is known of the release, and
// that it came through.
func (d *Deployer) describeSource(ctx context.Context, req *Request, from string, release catalog.Release) error {
	all, err := d.deploymentsTo(ctx, req.Spec.Service, from)
	if err != nil {
		return err
	}
	brought, known := broughtBy(all, release)
	if !known {
		return nil
	}
	req.Committed = brought.Committed
	if brought.State != catalog.Succeeded {
		return fmt.Errorf("deployment %s of release %s to %s is %s and did not succeed; promote when it has", brought.ID, release.ID, from, brought.State)
	}
	return nil
}

// copyTimeout is how long an image may take from one registry to another.
const copyTimeout = 15 * time.Minute

// carry copies the images to the registry of the environment that they go to.
func (d *Deployer) carry(ctx context.Context, req *Request, to servicefile.Environment, dryRun bool) error {
	if to.Registry == "" || d.opt.Registry == nil {
		return nil
	}
	for _, part := range req.Spec.Parts {
		image := req.Images[part.Name]
		goal := servicefile.InRegistry(image, part, to.Registry)
		if !servicefile.IsPinned(image) || goal == image {
			continue
		}
		if dryRun {
			req.Images[part.Name] = goal
			continue
		}
		repository, _, _ := strings.Cut(goal, "@")
		pinned, err := timing.Within(ctx, copyTimeout, func(ctx context.Context) (string, error) {
			return d.opt.Registry.Copy(ctx, image, repository+":"+req.Release)
		})
		if err != nil {
			return fmt.Errorf("copy the image of part %s to the registry of %s: %w", part.Name, to.Name, err)
		}
		if servicefile.ImageDigest(pinned) != servicefile.ImageDigest(image) {
			return errors.New("the image of part " + part.Name + " is not the same after it was copied to " + to.Registry)
		}
		req.Images[part.Name] = pinned
		d.tell(Event{Kind: Step, State: catalog.Pending, Service: req.Spec.Service, Text: "copied to " + pinned})
	}
	return nil
}
