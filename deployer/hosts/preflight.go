package hosts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"teal/catalog"
	"teal/deployer/work"
)

// minDisk is how many bytes must be free where a host keeps its images.
const minDisk = 512 << 20

// Preflight asks all hosts before any is touched, so that one that can't take the
// work does not leave the fleet mixed.
func (p *Platform) Preflight(ctx context.Context, w work.Order) error {
	gone := p.silent(ctx)
	if err := p.drop(w, gone); err != nil {
		return fmt.Errorf("nothing was started: %w", err)
	}
	known, err := p.via.Known(ctx)
	if err != nil {
		w.Note("what registrators tell of the hosts can't be read: %s", err)
	}
	return p.onEvery(ctx, w, p.used(), func(ctx context.Context, h Connected) error {
		return errors.Join(p.roomOn(ctx, h, known), p.free(ctx, w, h))
	})
}

// silent are the hosts that do not answer, and why.
func (p *Platform) silent(ctx context.Context) map[string]error {
	var mu sync.Mutex
	gone := map[string]error{}
	_ = Each(ctx, p.used(), func(ctx context.Context, h Connected) error {
		err := h.Ping(ctx)
		if err == nil {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		gone[h.Endpoint] = fmt.Errorf("it does not answer at %s; see that its engine runs and can be reached: %w", h.Endpoint, err)
		return nil
	})
	return gone
}

// roomOn is that a host has too little room for images. Where nobody can tell, as
// the engine does not, it has enough.
func (p *Platform) roomOn(ctx context.Context, h Connected, known []catalog.HostRecord) error {
	machine, _ := h.Info(ctx) // of which nothing is known, nothing is asked
	free := recordedRoom(known, h.Endpoint, machine.Engine)
	if isSocket(h.Endpoint) {
		free = freeAt(machine.Root, free)
	}
	if free > 0 && free < minDisk {
		return fmt.Errorf("it has %d MB of disk left, and %d MB are wanted; remove images with `teal prune --images`", free>>20, minDisk>>20)
	}
	return nil
}

// recordedRoom is how much disk a registrator has told is free on an engine, which
// it may reach by another way; 0 when none has. Machines that were cloned may have
// engines of one id: that tells nothing. It is pure.
func recordedRoom(known []catalog.HostRecord, endpoint, engine string) int64 {
	var same []catalog.HostRecord
	for _, r := range known {
		if r.Endpoint == endpoint {
			return r.DiskFree
		}
		if engine != "" && r.Engine == engine {
			same = append(same, r)
		}
	}
	if len(same) != 1 {
		return 0
	}
	return same[0].DiskFree
}

// freeAt is how much is free at a path of this machine, or what is known
// otherwise where there is no such path.
func freeAt(path string, otherwise int64) int64 {
	var fs syscall.Statfs_t
	if path == "" || syscall.Statfs(path, &fs) != nil {
		return otherwise
	}
	return int64(fs.Bavail) * int64(fs.Bsize)
}

// free is that somebody else has what the work needs on a host: a container name
// or a port.
func (p *Platform) free(ctx context.Context, w work.Order, h Connected) error {
	if !wantsNames(w) {
		return nil
	}
	there, err := h.List(ctx, nil)
	if err != nil {
		return fmt.Errorf("list its containers: %w", err)
	}
	return errors.Join(takenNames(w, there), takenPorts(w, there))
}

// wantsNames tells whether the work has anything that can clash.
func wantsNames(w work.Order) bool { return len(w.Plan.Containers)+len(w.Plan.Shared) > 0 }

// takenNames is which names of the work strangers' containers have. It is pure.
func takenNames(w work.Order, there []catalog.Container) error {
	var errs []error
	for _, want := range slices.Concat(w.Plan.Containers, w.Plan.Shared) {
		for _, c := range there {
			if c.Name == want.Name && c.Labels[catalog.LabelService] != w.Spec.Service {
				errs = append(errs, fmt.Errorf("%w: a container that is not Teal's is called %s; rename or remove it", catalog.ErrNameTaken, c.Name))
			}
		}
	}
	return errors.Join(errs...)
}

// takenPorts is which fixed ports of shared parts others have. It is pure.
func takenPorts(w work.Order, there []catalog.Container) error {
	var errs []error
	for _, want := range w.Plan.Shared {
		for _, port := range want.Ports {
			for _, c := range there {
				if port.Host != 0 && c.Running && c.Name != want.Name && publishes(c, port) {
					errs = append(errs, fmt.Errorf("port %d, which part %s publishes, is taken by container %s; stop it or choose another port", port.Host, want.Part, c.Name))
				}
			}
		}
	}
	return errors.Join(errs...)
}

func publishes(c catalog.Container, port catalog.Port) bool {
	return slices.ContainsFunc(slices.Concat(c.Ports, c.Bindings), func(p catalog.Port) bool {
		return p.Host == port.Host && p.Protocol == port.Protocol
	})
}
