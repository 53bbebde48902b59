package deployer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"teal/deployer/printable"
	"teal/deployer/servicefile"
)

// testGrace is how long a test command that is told to end may take, and
// how long what it left behind may hold its output open.
const testGrace = 5 * time.Second

// runTest runs the test command, with where to find the new release in its
// environment. Nothing that it started outlives it.
func (r *run) runTest(ctx context.Context) error {
	test := r.spec.Gates.Test
	if test == nil {
		return nil
	}
	door, err := r.door(ctx, 0)
	if err != nil {
		return err
	}
	bound, done := context.WithTimeout(ctx, test.Timeout)
	defer done()
	out := &printable.LineWriter{Line: func(line string) { r.step("%s: %s", test.Name(), line) }}
	if test.Image != "" {
		err = r.testContainer(bound, door.url, out)
	} else {
		err = runGroup(r.testProcess(bound, door.url, out))
	}
	out.End()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case bound.Err() != nil:
		return fmt.Errorf("the test command %s did not end within %s and was killed; it last wrote: %q", test.Name(), test.Timeout, out.Last())
	case err == nil:
		r.step("the test command %s ended well", test.Name())
		return nil
	}
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return fmt.Errorf("the test command %s ended with %s; it last wrote: %q", test.Name(), ended, out.Last())
	}
	if test.Image != "" {
		return fmt.Errorf("the test %s: %w; it last wrote: %q", test.Name(), err, out.Last())
	}
	return fmt.Errorf("the test command %s can't be run; see that the machine that deploys has it: %w", test.Name(), err)
}

// testVariables tell a test where the new release is.
func (r *run) testVariables(preview string) map[string]string {
	return map[string]string{
		"TEAL_PREVIEW_URL": preview, "TEAL_SERVICE": r.record.Service,
		"TEAL_TARGET": r.record.Target.String(), "TEAL_RELEASE": r.record.Release,
	}
}

// testContainer runs the test in a container beside the new release.
func (r *run) testContainer(ctx context.Context, preview string, out io.Writer) error {
	test := r.spec.Gates.Test
	c := r.besides(servicefile.Part{Image: test.Image, Env: r.testVariables(preview), StopGrace: testGrace}, "test")
	c.Command = test.Command
	code, err := r.platform.Once(ctx, r.work(), c, out)
	if err == nil && code != 0 {
		err = fmt.Errorf("it ended with %d", code)
	}
	return err
}

func (r *run) testProcess(ctx context.Context, preview string, out *printable.LineWriter) *exec.Cmd {
	command := r.spec.Gates.Test.Command
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = filepath.Dir(r.spec.Path)
	cmd.Env = slices.Clone(r.opt.Environ)
	for name, value := range r.testVariables(preview) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

// runGroup runs a command in a process group of its own, and kills what is left
// of the group when the command has ended. Told to end it has testGrace to do so.
func runGroup(cmd *exec.Cmd) error {
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = testGrace
	if err := cmd.Start(); err != nil {
		return err
	}
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is nobody left
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it ended well, and something it started did not
	}
	return err
}
