package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/printable"
)

// output shows people, or programs, what a deployment does. Its methods may be
// called from several goroutines. Nothing may be written past it until close.
type output interface {
	// event shows one event of the deployer.
	event(e deployer.Event)
	// say shows something else that was done, with a word on what it is about,
	// which may be empty.
	say(what, format string, args ...any)
	// begin shows that a step begins, which may take long; title is what it is. The
	// one before it must have ended.
	begin(step, title string)
	// end shows that the step ends.
	end()
	// done shows how a deployment ended that came through, or what it waits for.
	done(record catalog.Deployment)
	// passed shows how a command ended that came through without a deployment.
	passed(text string)
	// failed shows why the command failed and ends the output. What it answers is
	// for the command to return: the same error, marked as said where it was.
	failed(err error) error
	// close ends the output; again, or after failed, it does nothing.
	close()
}

// outputFlags are the flags of every command that deploys.
type outputFlags struct {
	plain  bool
	asJSON bool
}

func (f *outputFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.plain, "plain", false, "write plain lines, without a live picture or foldable groups")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "write one JSON object a line, the outcome last")
}

// newOutput is the output for where a command runs. It starts nothing before the
// first event or step.
func newOutput(cmd *cobra.Command, f outputFlags) output {
	out, errs := cmd.OutOrStdout(), cmd.ErrOrStderr()
	file, _ := out.(*os.File)
	terminal := file != nil && term.IsTerminal(int(file.Fd()))
	if level := cmd.Flag("log-level"); level != nil && level.Value.String() != "" {
		terminal = false // the log would be written across the picture
	}
	switch chooseOutput(f, terminal, os.Getenv) {
	case outputJSON:
		return newJSONOutput(out)
	case outputLive:
		size := func() (int, int, error) { return term.GetSize(int(file.Fd())) }
		return newLive(out, errs, size, styleOf(os.Getenv), time.Now)
	case outputPlain:
		return newLines(out, errs, unfolded{}, time.Now)
	}
	fold := foldingOf(os.Getenv)
	if _, none := fold.(unfolded); !none {
		errs = out // one stream, or the reason might come before the end of its group
	}
	return newLines(out, errs, fold, time.Now)
}

// outputKind is a form of output.
type outputKind int

const (
	outputFolded outputKind = iota // lines, in the groups of the CI system if there is one
	outputPlain                    // lines
	outputLive                     // a picture that is drawn again and again
	outputJSON                     // JSON Lines
)

// chooseOutput is pure.
func chooseOutput(f outputFlags, terminal bool, env func(string) string) outputKind {
	switch {
	case f.asJSON:
		return outputJSON
	case f.plain:
		return outputPlain
	case terminal && env("CI") == "" && env("TERM") != "dumb" && env("TERM") != "":
		return outputLive
	}
	return outputFolded
}

// said is an error that the output has shown already.
type said struct{ error }

// Is makes run keep quiet about it.
func (s said) Is(target error) bool { return target == errQuiet }

// Unwrap leads to what decides the exit code.
func (s said) Unwrap() error { return s.error }

// conclusion is how a deployment ended that came through, or what it waits for, a
// sentence. It is pure.
func conclusion(r catalog.Deployment) string {
	switch {
	case r.State == catalog.AwaitingApproval && r.Approval != nil:
		return fmt.Sprintf("%s %s waits for approval until %s; `teal approve %s %s` lets it go on",
			r.Service, r.Release, r.Approval.Until.Local().Format("2006-01-02 15:04"), r.Service, r.Environment)
	case r.State == catalog.AwaitingApproval:
		return fmt.Sprintf("%s %s waits for approval; `teal approve %s %s` lets it go on", r.Service, r.Release, r.Service, r.Environment)
	case r.State != catalog.Succeeded:
		return fmt.Sprintf("%s %s in %s is %s", r.Service, r.Release, r.Environment, r.State)
	}
	return fmt.Sprintf("%s %s is live in %s as %s", r.Service, r.Release, r.Environment, r.Target)
}

// failureWords are the reason why a command failed, then what belongs to it: what
// checks and containers said, and what to do next. Both are printable; the second
// may be empty.
func failureWords(err error) (reason, rest string) {
	failures := failuresIn(err)
	if len(failures) == 0 {
		return printable.Text(err.Error()), ""
	}
	var reasons, others []string
	for _, f := range failures {
		reasons = append(reasons, printable.Text(f.Reason))
		if details := f.Details(); details != "" {
			others = append(others, details)
		}
	}
	others = append(others, "Next: "+failures[0].Next())
	return strings.Join(reasons, "\n"), strings.Join(others, "\n\n")
}

// failuresIn are all failures that an error wraps: deployments that go together
// fail together.
func failuresIn(err error) []*deployer.Failure {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case nil:
		return nil
	case *deployer.Failure:
		return []*deployer.Failure{e}
	case interface{ Unwrap() []error }:
		var all []*deployer.Failure
		for _, inner := range e.Unwrap() {
			all = append(all, failuresIn(inner)...)
		}
		return all
	}
	return failuresIn(errors.Unwrap(err))
}
