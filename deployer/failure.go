package deployer

import (
	"fmt"
	"strings"

	"teal/catalog"
)

// Failure is a deployment or rollback that did not come through, with what a
// person needs to find out why.
type Failure struct {
	Stage      catalog.DeploymentState // where it stood
	Outcome    catalog.DeploymentState // Failed, Aborted or Superseded
	Deployment string                  // its id; empty for a rollback
	// BeforeFlip tells that the alias was not touched: who was live still is.
	BeforeFlip bool
	Reason     string // a sentence
	Logs       []ContainerLog
	Checks     []FailedCheck
	// Leftover is why not everything could be put back; nil when all was.
	Leftover error
	Err      error // what happened; wraps catalog's errors where one applies
}

// ContainerLog is the last thing a container said.
type ContainerLog struct {
	Host      string
	Container string
	State     string // "running", "exited with 1"
	Lines     string
}

// FailedCheck is a check that did not pass, or an instance that never came.
type FailedCheck struct {
	Instance string
	Node     string
	Check    string
	Status   catalog.Health
	Output   string
}

// Error is the reason, then what each failing check and container said.
func (f *Failure) Error() string {
	var b strings.Builder
	b.WriteString(f.Reason)
	for _, c := range f.Checks {
		fmt.Fprintf(&b, "\ncheck %s of %s on %s is %s: %s", c.Check, c.Instance, c.Node, c.Status, strings.TrimSpace(c.Output))
	}
	for _, l := range f.Logs {
		fmt.Fprintf(&b, "\n%s on %s %s, and last wrote:\n%s", l.Container, l.Host, l.State, indent(l.Lines))
	}
	if f.Leftover != nil {
		fmt.Fprintf(&b, "\nnot everything could be put back: %s", f.Leftover)
	}
	return b.String()
}

// indent sets what a container wrote apart from what Teal says.
func indent(lines string) string {
	lines = strings.TrimRight(lines, "\n")
	if lines == "" {
		return "  (nothing)"
	}
	return "  " + strings.ReplaceAll(lines, "\n", "\n  ")
}

// Unwrap is what happened.
func (f *Failure) Unwrap() error { return f.Err }

// failedChecks are the checks of instances that do not pass.
func failedChecks(instances []catalog.Instance) []FailedCheck {
	var failed []FailedCheck
	for _, i := range instances {
		for _, c := range i.Checks {
			if c.Status != catalog.Passing || catalog.IsMaintenanceCheck(c.ID) {
				failed = append(failed, FailedCheck{Instance: i.ID, Node: i.Node, Check: c.Name, Status: c.Status, Output: c.Output})
			}
		}
	}
	return failed
}
