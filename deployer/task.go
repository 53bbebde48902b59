package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"teal/catalog"
	"teal/deployer/plan"
	"teal/deployer/printable"
	"teal/deployer/servicefile"
)

// irreversible are the names of the tasks of a deployment that can't be taken
// back.
func irreversible(record catalog.Deployment) []string {
	var names []string
	for _, t := range record.Tasks {
		if !t.Reversible {
			names = append(names, t.Name)
		}
	}
	return names
}

// runTasks runs the once-only tasks in their order. That each begins is recorded
// before it does.
func (r *run) runTasks(ctx context.Context) error {
	for _, task := range r.spec.Tasks {
		next := r.record
		next.Tasks = append(slices.Clone(next.Tasks), catalog.TaskRun{Name: task.Name, Reversible: task.Reversible, Began: r.opt.Now().UTC()})
		if err := r.keep(ctx, next); err != nil {
			return err
		}
		if err := r.runTask(ctx, task, task.Command); err != nil {
			return err
		}
		next.Tasks = slices.Clone(next.Tasks)
		next.Tasks[len(next.Tasks)-1].Ended = r.opt.Now().UTC()
		if err := r.keep(ctx, next); err != nil {
			return err
		}
		r.step("task %s is done", task.Name)
	}
	return nil
}

// keep records something of the deployment that is not its state.
func (r *run) keep(ctx context.Context, next catalog.Deployment) error {
	if err := r.opt.Store.PutDeployment(ctx, next, r.lock.session); err != nil {
		return fmt.Errorf("record how far the deployment is: %w", err)
	}
	r.record = next
	return nil
}

// runTask runs one command of a task to its end.
func (r *run) runTask(ctx context.Context, task servicefile.Task, command []string) error {
	part, err := r.partNamed(task.Part)
	if err != nil {
		return err
	}
	bound, done := context.WithTimeout(ctx, task.Timeout)
	defer done()
	c := r.besides(part, task.Name)
	c.Entrypoint, c.Command = command[:1], command[1:]
	out := &printable.LineWriter{Line: func(line string) { r.step("%s: %s", task.Name, line) }}
	code, err := r.platform.Once(bound, r.work(), c, out)
	out.End()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case bound.Err() != nil:
		return fmt.Errorf("task %s did not end within %s and was killed; it last wrote: %q", task.Name, task.Timeout, out.Last())
	case err != nil:
		return fmt.Errorf("task %s: %w", task.Name, err)
	case code != 0:
		return fmt.Errorf("task %s ended with %d; it last wrote: %q", task.Name, code, out.Last())
	}
	return nil
}

// besides is a container beside the target's, with what a part has but its ports
// and its name.
func (r *run) besides(part servicefile.Part, name string) plan.Container {
	p := plan.Placement{Target: r.record.Target, Release: r.record.Release, Deployment: r.record.ID, Images: r.record.Images}
	base := plan.BaseName(r.spec.Service, r.record.Target)
	c := plan.Container{Part: part.Name, ContainerSpec: plan.SpecOf(part, p, base)}
	c.Name = base + "-task-" + name
	c.Ports, c.Hostnames, c.Restart, c.Healthcheck = nil, nil, "no", nil
	if r.plan.SharedNetwork != "" {
		c.Also = []string{r.plan.SharedNetwork}
	}
	c.Labels = plan.TargetLabels(r.spec.Service, r.record.Target)
	c.Labels[catalog.LabelDeployment] = r.record.ID
	c.Labels[catalog.LabelTask] = name
	c.Labels[catalog.ServiceIgnore] = "true"
	return c
}

func (r *run) partNamed(name string) (servicefile.Part, error) {
	if name == "" {
		name = r.spec.Routed
	}
	n := slices.IndexFunc(r.spec.Parts, func(p servicefile.Part) bool { return p.Name == name })
	if n < 0 {
		return servicefile.Part{}, fmt.Errorf("%s has no part %s", r.spec.Path, name)
	}
	return r.spec.Parts[n], nil
}

// undoUnlessLive takes back the tasks of a deployment, unless somebody has sent users
// to its release by hand: that lives with what they did.
func (r *run) undoUnlessLive(ctx context.Context) error {
	if len(r.record.Tasks) == 0 {
		return nil
	}
	service, err := r.opt.Store.Service(ctx, r.record.Service)
	if err != nil {
		return fmt.Errorf("read service %s, to undo its tasks: %w", r.record.Service, err)
	}
	if r.record.Target.Colour != "" && service.Aliases[r.record.Environment].Value.Sends(r.record.Target) {
		r.note("what the tasks did stays, as %s points at %s", r.record.Environment, r.record.Target)
		return nil
	}
	return r.undoTasks(ctx)
}

// undoTasks takes back the tasks that the deployment has begun, the last first.
// It is which could not be.
func (r *run) undoTasks(ctx context.Context) error {
	var errs []error
	for n := len(r.record.Tasks) - 1; n >= 0; n-- {
		begun := r.record.Tasks[n]
		at := slices.IndexFunc(r.spec.Tasks, func(t servicefile.Task) bool { return t.Name == begun.Name })
		if at < 0 || len(r.spec.Tasks[at].Undo) == 0 || !begun.Undone.IsZero() {
			if !begun.Reversible {
				r.note("what task %s did stays; the release from before must live with it", begun.Name)
			}
			continue
		}
		if err := r.runTask(ctx, r.spec.Tasks[at], r.spec.Tasks[at].Undo); err != nil {
			// What came before it may need it to be undone first.
			return errors.Join(append(errs, fmt.Errorf("undo %s, and what came before it: %w", begun.Name, err))...)
		}
		next := r.record
		next.Tasks = slices.Clone(next.Tasks)
		next.Tasks[n].Undone = r.opt.Now().UTC()
		r.step("task %s is undone", begun.Name)
		if err := r.keep(ctx, next); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
