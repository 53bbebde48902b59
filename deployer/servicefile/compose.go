package servicefile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"teal/catalog"
)

// parts turns the compose services into parts, in the order they start.
func (r *reader) parts(project *types.Project) []Part {
	if len(project.Services) == 0 {
		r.complain([]string{"services"}, "the file has no services; add the containers of the service")
	}
	r.checkVolumes(project)
	r.checkNetworks(project)
	byName := map[string]Part{}
	for _, name := range project.ServiceNames() {
		r.features(name, project.Services[name])
		byName[name] = r.part(project, project.Services[name])
	}
	markOnce(byName)
	order, cycle := startOrder(byName)
	if len(cycle) > 0 {
		r.complain([]string{"services", cycle[0], "depends_on"}, "the parts wait for one another in a circle (%s); break it", strings.Join(cycle, " -> "))
		return slices.Collect(maps.Values(byName)) // for what else is wrong
	}
	return order
}

func (r *reader) part(project *types.Project, s types.ServiceConfig) Part {
	r.checkImage(s)
	shared := r.isShared(s)
	if s.Restart == types.RestartPolicyAlways && !shared {
		r.warn([]string{"services", s.Name, "restart"}, "part %s has restart: always and is started with unless-stopped, so that what a deployment has stopped stays so when its engine starts; write restart: unless-stopped", s.Name)
	}
	return Part{
		Name:        s.Name,
		Image:       s.Image,
		Entrypoint:  s.Entrypoint,
		Command:     s.Command,
		Env:         r.environment(s),
		Labels:      maps.Clone(s.Labels),
		Ports:       r.ports(s, shared),
		Restart:     s.Restart,
		StopGrace:   stopGrace(s),
		User:        s.User,
		WorkingDir:  s.WorkingDir,
		Volumes:     r.volumes(project, s),
		After:       r.dependencies(project, s),
		Healthcheck: r.healthcheck(s),
		Sandbox:     r.sandbox(s),
		Build:       r.build(s),
		Shared:      shared,
	}
}

// checkImage wants a name for the image also where Teal builds it: that is what it
// is pushed as, and what hosts pull.
func (r *reader) checkImage(s types.ServiceConfig) {
	switch path := []string{"services", s.Name}; {
	case s.Image != "":
	case s.Build != nil:
		r.complain(path, "part %s has no image; say what the built one is pushed as, such as image: registry.example/%s:${TEAL_RELEASE}", s.Name, s.Name)
	default:
		r.complain(path, "part %s has no image; name one that hosts can pull in image:, or say how it is built in build: too", s.Name)
	}
}

func stopGrace(s types.ServiceConfig) time.Duration {
	if s.StopGracePeriod == nil {
		return DefaultStopGrace
	}
	return time.Duration(*s.StopGracePeriod)
}

// environment leaves out variables that are named without a value and have none
// here, as Compose does.
func (r *reader) environment(s types.ServiceConfig) map[string]string {
	env := map[string]string{}
	for name, value := range s.Environment {
		if value != nil {
			env[name] = *value
		}
	}
	return env
}

// ports reads where a part listens, and on which address of the host it is
// published. Only a shared one may have ports of the host for itself.
func (r *reader) ports(s types.ServiceConfig, shared bool) []catalog.Port {
	var ports []catalog.Port
	for n, p := range s.Ports {
		path := []string{"services", s.Name, "ports"}
		if r.source.length(path...) == len(s.Ports) { // no range was spread out
			path = append(path, strconv.Itoa(n))
		}
		port := catalog.Port{Private: int(p.Target), Protocol: cmp.Or(p.Protocol, "tcp"), HostIP: p.HostIP}
		fixed := p.Published != "" && p.Published != "0"
		switch host, err := strconv.ParseUint(p.Published, 10, 16); {
		case fixed && !shared:
			r.complain(path, "part %s publishes the fixed port %s; two colours run side by side and would collide; write `- %q`", s.Name, p.Published, freePort(p.HostIP, p.Target))
			continue
		case fixed && err != nil:
			r.complain(path, "part %s publishes the port %s; write a single one", s.Name, p.Published)
			continue
		case shared:
			port.Host = int(host)
		}
		if port.Protocol != "tcp" && port.Protocol != "udp" {
			r.complain(path, "part %s has a port with protocol %q; it is tcp or udp", s.Name, port.Protocol)
			continue
		}
		if !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

// freePort is a port as Compose writes it that is the host's choice.
func freePort(address string, private uint32) string {
	switch {
	case address == "":
		return fmt.Sprint(private)
	case strings.Contains(address, ":"): // IPv6
		address = "[" + address + "]"
	}
	return fmt.Sprintf("%s::%d", address, private)
}

func (r *reader) dependencies(project *types.Project, s types.ServiceConfig) []Dependency {
	var after []Dependency
	for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
		path := []string{"services", s.Name, "depends_on"}
		if _, ok := project.Services[name]; !ok {
			if s.DependsOn[name].Required {
				r.complain(path, "part %s waits for %s, which is no compose service%s", s.Name, name, didYouMean(name, project.ServiceNames()))
			}
			continue
		}
		condition := Condition(s.DependsOn[name].Condition)
		if condition == "" {
			condition = Started
		}
		if condition == Healthy && isUnchecked(project.Services[name]) {
			r.complain(path, "part %s waits for %s to be healthy, whose healthcheck is switched off; wait for service_started, or let it have one", s.Name, name)
		}
		after = append(after, Dependency{Part: name, Condition: condition})
	}
	return after
}

func markOnce(parts map[string]Part) {
	for _, p := range parts {
		for _, d := range p.After {
			if d.Condition == Completed {
				first := parts[d.Part]
				first.Once = true
				parts[d.Part] = first
			}
		}
	}
}

// startOrder puts each part after those it waits for, and parts that are free
// to start by name. A circle is answered with its members.
func startOrder(parts map[string]Part) (order []Part, cycle []string) {
	const visiting, done = 1, 2
	mark := map[string]int{}
	var trail []string
	var visit func(name string) bool
	visit = func(name string) bool {
		switch mark[name] {
		case done:
			return true
		case visiting:
			cycle = append(slices.Clone(trail[slices.Index(trail, name):]), name)
			return false
		}
		mark[name], trail = visiting, append(trail, name)
		for _, d := range parts[name].After {
			if !visit(d.Part) {
				return false
			}
		}
		mark[name], trail = done, trail[:len(trail)-1]
		order = append(order, parts[name])
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if !visit(name) {
			return order, cycle
		}
	}
	return order, nil
}
