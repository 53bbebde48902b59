package process

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"teal/catalog"
)

// process is what stands in for one container. Its fields are guarded by the
// platform's lock, except logs, which guards itself.
type process struct {
	id      string
	name    string
	spec    catalog.ContainerSpec
	command []string
	env     map[string]string // the image's and the spec's, without the ports
	digest  string
	created time.Time
	logs    *lines
	files   files

	run     *run           // nil unless it runs or waits to be restarted
	ports   []catalog.Port // as published by the present or last run
	running bool
	started time.Time // the present run, or the last
	exit    int
}

func (p *process) has(labels map[string]string) bool {
	for name, value := range labels {
		if have, ok := p.spec.Labels[name]; !ok || have != value {
			return false
		}
	}
	return true
}

// container tells the process in the catalogue's words.
func (p *process) container() catalog.Container {
	c := catalog.Container{
		ID: p.id, Name: p.name, Image: p.spec.Image, ImageID: p.digest,
		Labels: maps.Clone(p.spec.Labels), Env: withPorts(p.env, p.ports),
		Ports: p.publishedPorts(), Running: p.running, ExitCode: p.exit, Created: p.created, Started: p.started, StopGrace: p.spec.StopGrace,
	}
	for _, name := range p.networks() {
		c.Networks = append(c.Networks, catalog.Network{Name: name})
	}
	return c
}

func (p *process) networks() []string { return networksOf(p.spec) }

// networksOf are the networks that a process belongs to, in order.
func networksOf(spec catalog.ContainerSpec) []string {
	if spec.Network == catalog.NoNetwork {
		return nil
	}
	all := slices.Clone(spec.Also)
	if spec.Network != "" {
		all = append(all, spec.Network)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// publishedPorts are published while the process runs, as in Docker.
func (p *process) publishedPorts() []catalog.Port {
	if p.running {
		return slices.Clone(p.ports)
	}
	ports := make([]catalog.Port, len(p.spec.Ports))
	for i, port := range p.spec.Ports {
		ports[i] = catalog.Port{Private: port.Private, Protocol: cmp.Or(port.Protocol, "tcp")}
	}
	return ports
}

func (p *process) grace(otherwise time.Duration) time.Duration {
	return cmp.Or(p.spec.StopGrace, otherwise)
}

// withPorts adds the variables that tell a process where to listen: PORT for its
// first port, PORT_<private> for each.
func withPorts(env map[string]string, ports []catalog.Port) map[string]string {
	all := maps.Clone(env)
	for i, port := range ports {
		if port.Host == 0 {
			continue
		}
		if i == 0 {
			all["PORT"] = strconv.Itoa(port.Host)
		}
		all["PORT_"+strconv.Itoa(port.Private)] = strconv.Itoa(port.Host)
	}
	return all
}

// inherited are the variables a process gets from this program: where things
// are, and nothing that configures Teal itself.
var inherited = []string{"PATH", "HOME", "TMPDIR", "USER", "LANG"}

func environment(env map[string]string) []string {
	var lines []string
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			lines = append(lines, name+"="+value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		lines = append(lines, name+"="+env[name])
	}
	return lines
}
