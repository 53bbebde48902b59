package plan

import (
	"strings"

	"teal/catalog"
)

// PreviousSuffix marks the containers of the release that a deployment replaces in
// its target, stopped or about to be, until the new one is there to stay.
const PreviousSuffix = ".previous"

// KeptMark stands in the names of containers that stay on their hosts, stopped,
// after their release was replaced: between the name they had and the deployment
// that brought them, so that no other container is ever called the same.
const KeptMark = ".kept-"

// IsKept tells whether a container belongs to a release that is kept: it is part
// of no target any more, and may be gone back to.
func IsKept(c catalog.Container) bool {
	brought := c.Labels[catalog.LabelDeployment]
	return brought != "" && strings.HasSuffix(c.Name, KeptMark+brought)
}

// PlannedName is how a container was called before it was put aside or kept.
func PlannedName(c catalog.Container) string {
	name := c.Name
	if IsKept(c) {
		name = strings.TrimSuffix(name, KeptMark+c.Labels[catalog.LabelDeployment])
	}
	return strings.TrimSuffix(name, PreviousSuffix)
}

// TargetOf is the target that a container of Teal's belongs to.
func TargetOf(c catalog.Container) catalog.Target {
	return catalog.Target{
		Colour:      catalog.Colour(c.Labels[catalog.LabelColour]),
		Environment: c.Labels[catalog.LabelEnvironment],
	}
}

// IsAside tells whether a container was put aside by a deployment.
func IsAside(c catalog.Container) bool { return strings.HasSuffix(c.Name, PreviousSuffix) }

// IsShared tells whether a container belongs to an environment and to no target.
func IsShared(c catalog.Container) bool { return c.Labels[catalog.LabelScope] == catalog.ScopeShared }

// IsTask tells whether a container runs a task or a test and is no part of its
// target.
func IsTask(c catalog.Container) bool { return c.Labels[catalog.LabelTask] != "" }

// IsRegistered tells whether a container has instances in Consul while it runs,
// whose ids have its name in them.
func IsRegistered(c catalog.Container) bool { return c.Labels[catalog.ServiceIgnore] == "" }

// HasFailed tells whether a started container has ended that should run on.
func HasFailed(c catalog.Container) bool {
	return !c.Running && (c.ExitCode != 0 || c.Labels[catalog.LabelOnce] != "true")
}
