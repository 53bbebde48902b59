package deployer

import (
	"errors"
	"fmt"
	"strings"

	"teal/catalog"
	"teal/deployer/printable"
	"teal/deployer/work"
)

// Failure is a deployment or rollback that did not come through, with what a
// person needs to find out why.
type Failure struct {
	Stage      catalog.DeploymentState // where it stood
	Outcome    catalog.DeploymentState // how it ended; never Succeeded
	Deployment string                  // its id; empty for a rollback
	Service    string                  // empty where that is not known
	// BeforeFlip tells that the alias was not touched: who was live still is.
	BeforeFlip bool
	Reason     string // a sentence
	Logs       []work.ContainerLog
	Checks     []FailedCheck
	// Unregistered are containers whose instances never came.
	Unregistered []Unregistered
	// Leftover is why not everything could be put back; nil when all was.
	Leftover error
	Err      error // what happened; wraps catalog's errors where one applies
}

// FailedCheck is a check that did not pass.
type FailedCheck struct {
	Instance string
	Node     string
	Check    string
	Status   catalog.Health
	Output   string
}

// Error is the reason, then what each failing check and container said. It is
// printable.
func (f *Failure) Error() string {
	text := printable.Text(f.Reason)
	if details := f.Details(); details != "" {
		text += "\n" + details
	}
	return text
}

// Details are what each failing check and container said, and what could not be
// put back: paragraphs with a heading each, printable, and without an end of line.
// It is empty where there is nothing to say.
func (f *Failure) Details() string {
	var all []string
	for _, c := range f.Checks {
		all = append(all, c.paragraph())
	}
	for _, u := range f.Unregistered {
		all = append(all, printable.Text(u.String()))
	}
	for _, l := range f.Logs {
		all = append(all, logParagraph(l))
	}
	if f.Leftover != nil {
		all = append(all, "not everything could be put back:"+aside(f.Leftover.Error()))
	}
	return strings.Join(all, "\n")
}

func (c FailedCheck) paragraph() string {
	heading := fmt.Sprintf("check %s of %s on %s is %s:", c.Check, c.Instance, c.Node, c.Status)
	return printable.Text(heading) + aside(c.Output)
}

func logParagraph(l work.ContainerLog) string {
	return printable.Text(fmt.Sprintf("%s on %s %s, and last wrote:", l.Container, l.Host, l.State)) + aside(l.Lines)
}

// aside sets what somebody else wrote apart from what Teal says: behind a bar, so
// that no line of it passes for another's.
func aside(lines string) string {
	const bar = "\n  | "
	lines = strings.TrimRight(printable.Text(lines), " \t\n")
	if lines == "" {
		return " (nothing)"
	}
	return bar + strings.ReplaceAll(lines, "\n", bar)
}

// Next is what a person does about it, a sentence or two. It is pure.
func (f *Failure) Next() string {
	again := "then run the same command again"
	switch {
	case f.Outcome == catalog.RollbackFailed:
		return fmt.Sprintf("Look at once: `teal status %s` says what is live, and `teal flip` points the alias elsewhere.", f.service())
	case errors.Is(f.Err, catalog.ErrLockLost), f.Outcome == catalog.Aborted && f.BeforeFlip:
		return "Run the same command again: it clears away what this run left, and starts afresh."
	case f.Outcome == catalog.Superseded:
		return fmt.Sprintf("See who moved the alias with `teal status %s`; if this release is still wanted, run the same command again.", f.service())
	case !f.BeforeFlip:
		return fmt.Sprintf("See with `teal status %s` what is live; mend the release, and deploy it as a new one.", f.service())
	}
	switch f.Stage {
	case catalog.Pending, catalog.Locked:
		return "Mend what the reason names, " + again + "; nothing was touched."
	case catalog.Pulling:
		return "See that the image is in its registry and that every host may pull it, " + again + "."
	case catalog.Starting, catalog.Checking:
		return "Mend what the lines above tell of, " + again + ". Nobody was sent to this release."
	case catalog.Testing:
		return "Mend the release, or the gate that kept it out, " + again + ". Nobody was sent to this release."
	}
	return "Mend what the reason names, " + again + "."
}

// service is the service's name, or what stands for it in a command.
func (f *Failure) service() string {
	if f.Service == "" {
		return "SERVICE"
	}
	return f.Service
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
