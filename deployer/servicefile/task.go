package servicefile

import (
	"slices"
	"time"

	"teal/catalog"
)

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

// tasks reads what is done once for a deployment. Whether it can be taken back is
// never guessed.
func (f field) tasks(spec *Spec) []Task {
	var all []Task
	for _, one := range f.mappings("name", "part", "command", "reversible", "undo", "timeout") {
		x := one.fields
		task := Task{
			Name: x["name"].text(), Part: x["part"].partOr(spec.Routed, spec.Parts),
			Command: one.command(x["command"], "[/app, migrate]"), Reversible: x["reversible"].flag(false),
			Timeout: x["timeout"].duration(time.Millisecond, DefaultTaskTimeout),
		}
		if x["undo"].value != nil {
			task.Undo = one.command(x["undo"], "[/app, migrate, down]")
		}
		switch err := catalog.CheckName("task", task.Name); {
		case x["name"].value == nil:
			one.complain("%s has no name; add one to tell it by, such as name: migrate", one.name())
		case err != nil:
			x["name"].complain("%s", err)
		case slices.ContainsFunc(all, func(t Task) bool { return t.Name == task.Name }):
			x["name"].complain("there are two tasks named %q; give each a name of its own", task.Name)
		}
		switch {
		case x["reversible"].value == nil:
			one.complain("%s does not say whether the release before can live with what it does; add reversible: true, or reversible: false after which nothing goes back by itself", one.name())
		case !task.Reversible && x["undo"].value != nil:
			x["undo"].complain("%s takes back what reversible: false says can't be; keep one of them", x["undo"].name())
		}
		all = append(all, task)
	}
	return all
}

// partOr reads the name of a part; other where none is said.
func (f field) partOr(other string, parts []Part) string {
	name := f.text()
	if name == "" {
		return other
	}
	if !slices.ContainsFunc(parts, func(p Part) bool { return p.Name == name }) {
		f.complain("%s names %q, which is no compose service%s", f.name(), name, didYouMean(name, partNames(parts)))
	}
	return name
}

// command reads a program and its arguments out of one of f's values; nil where
// they are missing or wrong.
func (f field) command(of field, example string) []string {
	if _, list := of.value.([]any); !list && of.value != nil {
		of.complain(`%s must be a list of the program and its arguments, such as %s or [sh, -c, "a line for the shell"]`, of.name(), example)
		return nil
	}
	var command []string
	for _, item := range of.texts() {
		command = append(command, item.text())
	}
	if len(command) == 0 || command[0] == "" {
		key := of.path[len(of.path)-1]
		f.complain("%s has no %s; add one such as %s: %s", f.name(), key, key, example)
		return nil
	}
	return command
}
