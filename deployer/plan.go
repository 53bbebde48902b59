package deployer

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"teal/catalog"
)

// Placement is what a plan is made for, beyond the service file.
type Placement struct {
	Target     catalog.Target
	Release    string
	Revision   string
	Deployment string // the deployment's id
}

// HostPlan is what one host shall run; every host of an environment runs the
// same.
type HostPlan struct {
	Network       string
	NetworkLabels map[string]string
	Containers    []PlannedContainer // in the order they start
}

// PlannedContainer is one container to be, and what has to be up before it.
type PlannedContainer struct {
	catalog.ContainerSpec
	Part   string
	Routed bool
	Once   bool
	After  []Dependency
}

// PlanHost decides what each host of env shall run. It is pure. Names are fixed
// by service, environment, colour, part and number, so that a second run meets
// the containers of the first rather than doubling them.
func PlanHost(s *Spec, env Environment, p Placement) HostPlan {
	plan := HostPlan{
		Network:       baseName(s.Service, p.Target),
		NetworkLabels: targetLabels(s.Service, p.Target),
	}
	for _, part := range s.Parts {
		replicas := 1
		if part.Name == s.Routed {
			replicas = env.Replicas
		}
		for n := 1; n <= replicas; n++ {
			plan.Containers = append(plan.Containers, planContainer(s, part, p, n))
		}
	}
	return plan
}

// baseName begins the names of everything that belongs to a target.
func baseName(service string, t catalog.Target) string {
	if t.Colour == "" {
		return service + "-" + t.Environment
	}
	return service + "-" + t.Environment + "-" + string(t.Colour)
}

// targetLabels are how all that belongs to a target is found again.
func targetLabels(service string, t catalog.Target) map[string]string {
	labels := map[string]string{catalog.LabelService: service, catalog.LabelEnvironment: t.Environment}
	if t.Colour != "" {
		labels[catalog.LabelColour] = string(t.Colour)
	}
	return labels
}

func planContainer(s *Spec, part Part, p Placement, n int) PlannedContainer {
	base := baseName(s.Service, p.Target)
	c := PlannedContainer{
		Part: part.Name, Routed: part.Name == s.Routed, Once: part.Once, After: part.After,
		ContainerSpec: catalog.ContainerSpec{
			Name:       fmt.Sprintf("%s-%s-%d", base, part.Name, n),
			Image:      part.Image,
			Entrypoint: part.Entrypoint,
			Command:    part.Command,
			Env:        maps.Clone(part.Env),
			Ports:      part.Ports,
			Network:    base,
			Hostnames:  []string{part.Name},
			Restart:    part.Restart,
			StopGrace:  part.StopGrace,
			User:       part.User,
			WorkingDir: part.WorkingDir,
			Volumes:    planVolumes(part, base),
		},
	}
	c.Labels = planLabels(s, part, p)
	c.Labels[catalog.LabelSpec] = digest(withoutDeployment(c.ContainerSpec))
	return c
}

func planVolumes(part Part, base string) []catalog.Volume {
	var volumes []catalog.Volume
	for _, v := range part.Volumes {
		if v.Private {
			v.Source = base + "-" + v.Source
		}
		volumes = append(volumes, v.Volume)
	}
	return volumes
}

// planLabels are the user's labels with Teal's above them.
func planLabels(s *Spec, part Part, p Placement) map[string]string {
	labels := map[string]string{}
	for k, v := range part.Labels {
		if !isOwnLabel(k) {
			labels[k] = v
		}
	}
	maps.Copy(labels, targetLabels(s.Service, p.Target))
	labels[catalog.LabelRelease] = p.Release
	labels[catalog.LabelDeployment] = p.Deployment
	labels[catalog.LabelPart] = part.Name
	if part.Once {
		labels[catalog.LabelOnce] = "true"
	}
	if part.Name != s.Routed {
		labels[catalog.ServiceIgnore] = "true"
		return labels
	}
	maps.Copy(labels, registrationLabels(s, part, p))
	return labels
}

// registrationLabels tell the registrator what the routed part is.
func registrationLabels(s *Spec, part Part, p Placement) map[string]string {
	labels := map[string]string{
		catalog.ServiceName:          s.Service,
		catalog.ServiceEnvironment:   p.Target.Environment,
		catalog.ServiceRelease:       p.Release,
		catalog.ServiceCheckInterval: s.Check.Interval.String(),
		catalog.ServiceCheckTimeout:  s.Check.Timeout.String(),
	}
	if p.Target.Colour != "" {
		labels[catalog.ServiceColour] = string(p.Target.Colour)
	}
	if p.Revision != "" {
		labels[catalog.ServiceRevision] = p.Revision
	}
	if s.Protocol != "" {
		labels[catalog.ServiceProtocol] = s.Protocol
	}
	maps.Copy(labels, checkLabels(s))
	if len(part.Ports) > 1 {
		// The registrator would add the port to each name; one port is the service.
		labels[catalog.ServicePortLabel(s.Port, "NAME")] = s.Service
		for _, port := range part.Ports {
			if port.Private != s.Port {
				labels[catalog.ServicePortLabel(port.Private, "IGNORE")] = strconv.FormatBool(true)
			}
		}
	}
	return labels
}

// checkLabels tell how to find out whether an instance is well. A check over TLS
// goes to an address, which no certificate names: it asks whether the instance
// is well, and the routers verify who it is.
func checkLabels(s *Spec) map[string]string {
	switch {
	case s.Check.HTTP == "":
		return map[string]string{catalog.ServiceCheckTCP: strconv.FormatBool(true)}
	case s.Protocol == catalog.ProtocolHTTPS:
		return map[string]string{
			catalog.ServiceCheckHTTPS: s.Check.HTTP, catalog.ServiceCheckTLSSkipVerify: strconv.FormatBool(true),
		}
	}
	return map[string]string{catalog.ServiceCheckHTTP: s.Check.HTTP}
}

// On is the container as a host starts it whose instances have a weight; 0 for
// none of their own.
func (c PlannedContainer) On(weight int) catalog.ContainerSpec {
	if weight == 0 || !c.Routed {
		return c.ContainerSpec
	}
	spec := c.ContainerSpec
	spec.Labels = maps.Clone(spec.Labels)
	spec.Labels[catalog.ServiceWeight] = strconv.Itoa(weight)
	delete(spec.Labels, catalog.LabelSpec)
	spec.Labels[catalog.LabelSpec] = digest(withoutDeployment(spec))
	return spec
}

// isOwnLabel tells whether a label is Teal's to set.
func isOwnLabel(label string) bool {
	switch label {
	case catalog.ServiceName, catalog.ServiceIgnore, catalog.ServiceEnvironment, catalog.ServiceColour, catalog.ServiceColor,
		catalog.ServiceRelease, catalog.ServiceRevision, catalog.ServiceCheckHTTP, catalog.ServiceCheckTCP,
		catalog.ServiceCheckInterval, catalog.ServiceCheckTimeout:
		return true
	}
	return strings.HasPrefix(label, "teal.")
}

// withoutDeployment is what a container runs, whichever deployment started it.
func withoutDeployment(c catalog.ContainerSpec) catalog.ContainerSpec {
	c.Labels = maps.Clone(c.Labels)
	delete(c.Labels, catalog.LabelDeployment)
	return c
}
