package docker

import (
	"github.com/docker/docker/api/types/container"

	"teal/catalog"
)

// healthConfig is a check as the engine wants it; nil leaves it to the image.
func healthConfig(h *catalog.Healthcheck) *container.HealthConfig {
	if h == nil {
		return nil
	}
	return &container.HealthConfig{
		Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, Retries: h.Retries,
		StartPeriod: h.StartPeriod, StartInterval: h.StartInterval,
	}
}

// confine asks for a sandbox. What it does not say is left to the engine, but for
// an init process, which engines may be set to give to all.
func confine(config *container.Config, host *container.HostConfig, box catalog.Sandbox) {
	config.Hostname, config.StopSignal = box.Hostname, box.StopSignal
	host.Resources = resources(box)
	host.ShmSize = box.ShmSize
	host.CapAdd, host.CapDrop, host.SecurityOpt = box.CapAdd, box.CapDrop, box.SecurityOpt
	host.ReadonlyRootfs = box.ReadOnly
	host.Tmpfs, host.Sysctls, host.ExtraHosts = box.Tmpfs, box.Sysctls, box.ExtraHosts
	host.Init = new(box.Init)
	host.LogConfig = container.LogConfig{Type: box.LogDriver, Config: box.LogOptions}
}

func resources(box catalog.Sandbox) container.Resources {
	r := container.Resources{Memory: box.Memory, NanoCPUs: box.NanoCPUs}
	if box.PIDs != 0 {
		r.PidsLimit = new(box.PIDs)
	}
	for _, u := range box.Ulimits {
		r.Ulimits = append(r.Ulimits, &container.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	return r
}
