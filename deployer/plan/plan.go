// Package plan decides what containers a service file makes on each host, how they
// are named and labelled, and reads both again on what is found there. All of it is
// pure: it asks no engine and no clock, so that a second run plans the same.
package plan

import (
	"fmt"
	"maps"
	"strconv"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// Placement is what a plan is made for, beyond the service file.
type Placement struct {
	Target     catalog.Target
	Release    string
	Revision   string
	Deployment string // the deployment's id
	// Images are what parts run instead of what the file names, by part, where it is
	// pinned by digest.
	Images map[string]string
}

// Plan is what one host shall run; every host of an environment runs the same.
type Plan struct {
	Network       string
	NetworkLabels map[string]string
	Containers    []Container // in the order they start
	// Shared are the parts that belong to no colour, in the order they start. Both
	// colours reach them through SharedNetwork.
	Shared        []Container
	SharedNetwork string
	SharedLabels  map[string]string
}

// Container is one container to be, and what has to be up before it.
type Container struct {
	catalog.ContainerSpec
	Part   string
	Routed bool
	Once   bool
	After  []servicefile.Dependency
}

// Of decides what each host of env shall run. It is pure. Names are fixed by
// service, environment, colour, part and number, so that a second run meets the
// containers of the first rather than doubling them.
func Of(s *servicefile.Spec, env servicefile.Environment, p Placement) Plan {
	plan := Plan{
		Network:       BaseName(s.Service, p.Target),
		NetworkLabels: TargetLabels(s.Service, p.Target),
	}
	shared := planShared(s, &plan, p)
	for _, part := range s.Parts {
		if part.Shared {
			continue
		}
		replicas := 1
		if part.Name == s.Routed {
			replicas = env.Replicas
		}
		for n := 1; n <= replicas; n++ {
			plan.Containers = append(plan.Containers, planContainer(s, part, p, n, shared))
		}
	}
	return plan
}

// planShared plans the parts that belong to the environment, and answers the
// networks through which the others reach them.
func planShared(s *servicefile.Spec, plan *Plan, p Placement) []string {
	for _, part := range s.Parts {
		if part.Shared {
			plan.Shared = append(plan.Shared, planSharedPart(s, part, p))
		}
	}
	if len(plan.Shared) == 0 {
		return nil
	}
	plan.SharedNetwork = sharedName(s.Service, p.Target.Environment)
	plan.SharedLabels = sharedLabels(s.Service, p.Target.Environment)
	return []string{plan.SharedNetwork}
}

// sharedName begins the names of what belongs to an environment and to no colour.
func sharedName(service, environment string) string { return service + "-" + environment + "-shared" }

func sharedLabels(service, environment string) map[string]string {
	return map[string]string{
		catalog.LabelService: service, catalog.LabelEnvironment: environment, catalog.LabelScope: catalog.ScopeShared,
	}
}

// planSharedPart is a container that no deployment owns: its labels name none, so
// that it is the same from one to the next.
func planSharedPart(s *servicefile.Spec, part servicefile.Part, p Placement) Container {
	base := sharedName(s.Service, p.Target.Environment)
	c := Container{Part: part.Name, After: part.After, ContainerSpec: SpecOf(part, p, base)}
	c.Name = fmt.Sprintf("%s-%s-1", base, part.Name)
	c.Labels = sharedLabels(s.Service, p.Target.Environment)
	for k, v := range part.Labels {
		if !servicefile.IsOwnLabel(k) {
			c.Labels[k] = v
		}
	}
	c.Labels[catalog.LabelPart] = part.Name
	c.Labels[catalog.ServiceIgnore] = strconv.FormatBool(true)
	c.Labels[catalog.LabelSpec] = servicefile.DigestOf(c.ContainerSpec)
	return c
}

// BaseName begins the names of everything that belongs to a target.
func BaseName(service string, t catalog.Target) string {
	if t.Colour == "" {
		return service + "-" + t.Environment
	}
	return service + "-" + t.Environment + "-" + string(t.Colour)
}

// TargetLabels are how all that belongs to a target is found again.
func TargetLabels(service string, t catalog.Target) map[string]string {
	labels := map[string]string{catalog.LabelService: service, catalog.LabelEnvironment: t.Environment}
	if t.Colour != "" {
		labels[catalog.LabelColour] = string(t.Colour)
	}
	return labels
}

func planContainer(s *servicefile.Spec, part servicefile.Part, p Placement, n int, also []string) Container {
	base := BaseName(s.Service, p.Target)
	c := Container{
		Part: part.Name, Routed: part.Name == s.Routed, Once: part.Once, After: part.After,
		ContainerSpec: SpecOf(part, p, base),
	}
	c.Name = fmt.Sprintf("%s-%s-%d", base, part.Name, n)
	c.Also = also
	c.Labels = planLabels(s, part, p)
	c.Labels[catalog.LabelSpec] = servicefile.DigestOf(withoutDeployment(c.ContainerSpec))
	return c
}

// SpecOf is what a part's containers have in common.
func SpecOf(part servicefile.Part, p Placement, base string) catalog.ContainerSpec {
	return catalog.ContainerSpec{
		Image:       ImageOf(part, p.Images),
		Entrypoint:  part.Entrypoint,
		Command:     part.Command,
		Env:         maps.Clone(part.Env),
		Ports:       part.Ports,
		Network:     base,
		Hostnames:   []string{part.Name},
		Files:       filesOf(part, p.Target.Environment),
		Restart:     part.Restart,
		StopGrace:   part.StopGrace,
		User:        part.User,
		WorkingDir:  part.WorkingDir,
		Volumes:     planVolumes(part, base),
		Healthcheck: part.Healthcheck,
		Sandbox:     part.Sandbox,
	}
}

// ImageOf is what a part runs: what it is pinned to, else what the file says.
func ImageOf(part servicefile.Part, pinned map[string]string) string {
	if image := pinned[part.Name]; servicefile.IsPinned(image) {
		return image
	}
	return part.Image
}

// filesOf are the secrets and configs of a part in an environment.
func filesOf(part servicefile.Part, environment string) []catalog.File {
	if files, ok := part.Files[environment]; ok {
		return files
	}
	return part.Files[""]
}

func planVolumes(part servicefile.Part, base string) []catalog.Volume {
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
func planLabels(s *servicefile.Spec, part servicefile.Part, p Placement) map[string]string {
	labels := map[string]string{}
	for k, v := range part.Labels {
		if !servicefile.IsOwnLabel(k) {
			labels[k] = v
		}
	}
	maps.Copy(labels, TargetLabels(s.Service, p.Target))
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
func registrationLabels(s *servicefile.Spec, part servicefile.Part, p Placement) map[string]string {
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
func checkLabels(s *servicefile.Spec) map[string]string {
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
func (c Container) On(weight int) catalog.ContainerSpec {
	if weight == 0 || !c.Routed {
		return c.ContainerSpec
	}
	spec := c.ContainerSpec
	spec.Labels = maps.Clone(spec.Labels)
	spec.Labels[catalog.ServiceWeight] = strconv.Itoa(weight)
	delete(spec.Labels, catalog.LabelSpec)
	spec.Labels[catalog.LabelSpec] = servicefile.DigestOf(withoutDeployment(spec))
	return spec
}

// withoutDeployment is what a container runs, whichever deployment started it.
func withoutDeployment(c catalog.ContainerSpec) catalog.ContainerSpec {
	c.Labels = maps.Clone(c.Labels)
	delete(c.Labels, catalog.LabelDeployment)
	return c
}
