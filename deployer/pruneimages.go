package deployer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"

	"teal/catalog"
	"teal/deployer/hosts"
	"teal/deployer/servicefile"
)

// PrunedImage is an image that nothing of the service refers to any more.
type PrunedImage struct {
	Host string   `json:"host"` // its endpoint
	ID   string   `json:"id"`
	Tags []string `json:"tags"`
	Size int64    `json:"size"` // bytes, those that other images share among them
}

// pruneImages removes, on all hosts of the service, the images of its own
// repositories that no container is made from and no record refers to. What is
// newer than the newest deployment may be about to be deployed, and stays.
func (d *Deployer) pruneImages(ctx context.Context, req PruneRequest, s *catalog.Service, pruned *Pruned) error {
	var all []catalog.Deployment
	for _, env := range environmentsOf(s) {
		some, err := d.opt.Store.Deployments(ctx, req.Service, env)
		if err != nil {
			return fmt.Errorf("read the deployments of %s to %s: %w", req.Service, env, err)
		}
		all = append(all, some...)
	}
	if n := slices.IndexFunc(all, func(d catalog.Deployment) bool { return !d.State.Ended() }); n >= 0 {
		pruned.Left = append(pruned.Left, fmt.Sprintf("images are left alone while deployment %s to %s has not ended (%s)", all[n].ID, all[n].Environment, all[n].State))
		return nil
	}
	reached, unreachable := d.hosts().Reach(ctx, recordedHosts(all))
	if unreachable != nil {
		pruned.Left = append(pruned.Left, unreachable.Error())
	}
	var mu sync.Mutex
	return hosts.Each(ctx, reached, func(ctx context.Context, h hosts.Connected) error {
		gone, left, err := pruneImagesOn(ctx, h, req, all)
		mu.Lock()
		defer mu.Unlock()
		pruned.Images, pruned.Left = append(pruned.Images, gone...), append(pruned.Left, left...)
		return err
	})
}

func pruneImagesOn(ctx context.Context, h hosts.Connected, req PruneRequest, deployments []catalog.Deployment) (gone []PrunedImage, left []string, err error) {
	there, err := h.List(ctx, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("list its containers: %w", err)
	}
	wanted := wantedImages(there, deployments)
	for _, repository := range repositoriesOf(req.Service, there, deployments) {
		images, err := h.Images(ctx, repository)
		if err != nil {
			return gone, left, err
		}
		for _, image := range images {
			if isWanted(image, wanted) || image.Created.After(newestOf(deployments)) {
				continue
			}
			if !req.DryRun {
				err = h.RemoveImage(ctx, image.ID)
			}
			switch {
			case errors.Is(err, catalog.ErrInUse):
			case err != nil:
				left = append(left, fmt.Sprintf("image %s on %s could not be removed: %s", image.ID, h.Endpoint, err))
			default:
				gone = append(gone, PrunedImage{Host: h.Endpoint, ID: image.ID, Tags: image.Tags, Size: image.Size})
			}
		}
	}
	return gone, left, nil
}

// wantedImages are all that is referred to: by id, or as a record names it. It is
// pure.
func wantedImages(there []catalog.Container, deployments []catalog.Deployment) map[string]bool {
	wanted := map[string]bool{}
	for _, c := range there {
		wanted[c.ImageID], wanted[c.Image] = true, true
	}
	for _, d := range deployments {
		for _, image := range d.Images {
			wanted[image], wanted[servicefile.ImageDigest(image)] = true, true
		}
	}
	return wanted
}

// isWanted tells whether an image is referred to by any of its names.
func isWanted(i catalog.Image, wanted map[string]bool) bool {
	return slices.ContainsFunc(slices.Concat([]string{i.ID}, i.Tags, i.Digests), func(name string) bool {
		return wanted[name] || wanted[servicefile.ImageDigest(name)]
	})
}

// repositoriesOf are where the images of the part lie that takes a service's
// requests. Other parts run what is not the service's own: a database is
// everybody's. It is pure.
func repositoriesOf(service string, there []catalog.Container, deployments []catalog.Deployment) []string {
	found, parts := map[string]bool{}, map[string]bool{}
	add := func(image string) {
		if name, err := reference.ParseNormalizedNamed(image); err == nil && !strings.HasPrefix(image, "sha256:") {
			found[reference.FamiliarName(name)] = true
		}
	}
	for _, c := range there {
		if c.Labels[catalog.LabelService] == service && c.Labels[catalog.ServiceName] != "" {
			parts[c.Labels[catalog.LabelPart]] = true
			add(c.Image)
		}
	}
	for _, d := range deployments {
		for part, image := range d.Images {
			if parts[part] {
				add(image)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// newestOf is when the newest deployment began.
func newestOf(deployments []catalog.Deployment) time.Time {
	var newest time.Time
	for _, d := range deployments {
		if len(d.Timeline) > 0 && d.Timeline[0].At.After(newest) {
			newest = d.Timeline[0].At
		}
	}
	return newest
}
