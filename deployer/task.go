package deployer

import "time"

// Task is something that is done once for a deployment, such as a migration: in
// one container, in the target's private network, when the new instances pass
// their checks and before users meet them.
type Task struct {
	Name    string
	Part    string   // whose image, variables, volumes and files it has
	Command []string // instead of the part's
	// Reversible tells that the release before can live with what the task did, or
	// that Undo takes it back. After one that is not, nothing goes back by itself.
	Reversible bool
	Undo       []string // the command that takes it back; empty for none
	Timeout    time.Duration
}
