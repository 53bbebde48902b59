// Teal: a Consul-driven blue/green service router. This command holds its three
// parts (router, registrator, deployer) and a world of its own to try them in.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // an image of this program alone has no authorities

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// version is set by the linker.
var version = "dev"

// The exit codes. A pipeline tells by them what to do next.
const (
	exitDone       = 0
	exitError      = 1
	exitUsage      = 2 // wrong flags, or a service file that can't be used
	exitUntouched  = 3 // failed before the flip: who was live still is
	exitRolledBack = 4 // users met the release and were given back to the old one
	exitStuck      = 5 // it should have gone back and did not
	exitBusy       = 6 // somebody else is deploying
	exitAwaiting   = 7 // a deployment is ready and awaits somebody's word
	exitChanges    = 8 // a plan that would change something
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it answers the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errQuiet) {
		fmt.Fprintf(stderr, "teal: %v\n", err)
	}
	return exitCode(err)
}

// errQuiet ends a command whose output has said it all.
var errQuiet = errors.New("already said")

// usageError is a command line that can't be understood.
type usageError struct{ error }

func exitCode(err error) int {
	var usage usageError
	var spec *servicefile.SpecError
	var failure *deployer.Failure
	var awaiting *deployer.Awaiting
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.As(err, &spec):
		return exitUsage
	case errors.Is(err, catalog.ErrLocked):
		return exitBusy
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.As(err, &awaiting):
		return exitAwaiting
	case errors.As(err, &failure):
		return exitOfFailure(failure)
	}
	return exitError
}

func exitOfFailure(f *deployer.Failure) int {
	switch {
	case f.Outcome == catalog.RolledBack:
		return exitRolledBack
	case f.Outcome == catalog.RollbackFailed:
		return exitStuck
	case f.BeforeFlip:
		return exitUntouched
	}
	return exitError
}

func rootCommand() *cobra.Command {
	g := &globals{}
	root := &cobra.Command{
		Use:   "teal",
		Short: "Blue/green service routing with Consul",
		Long: `Teal keeps every service at a stable URI while its builds come and go.

The registrator records the containers of a host in Consul, the router sends
requests to the colour that an alias points at, and the deployer starts the new
build in the other colour, checks it, and flips the alias.`,
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              noSuchCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags(), os.LookupEnv) },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	})
	g.flags(root.PersistentFlags())
	root.AddCommand(
		deployCommand(g), rollbackCommand(g), flipCommand(g), statusCommand(g),
		explainCommand(), pauseCommand(g), resumeCommand(g), maintenanceCommand(g),
		routerCommand(g), registratorCommand(g),
		buildCommand(), testCommand(), pushCommand(),
		approveCommand(g), abortCommand(g), canaryCommand(g), verifyCommand(g), promoteCommand(g), pipelineCommand(g),
		initCommand(), lintCommand(), planCommand(g), historyCommand(g), logsCommand(g), metricsCommand(g), lockCommand(g), pruneCommand(g),
		demoCommand(g), devCommand(g), sampleCommand(),
	)
	argsAsUsage(root)
	return root
}

// argsAsUsage makes wrong arguments of all commands below cmd a matter of usage.
func argsAsUsage(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.Args != nil {
			sub.Args = asUsage(sub.Args)
		}
		argsAsUsage(sub)
	}
}

// noSuchCommand refuses the arguments of teal itself: a command was meant.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("unknown command %q; see `%s --help` for those there are", args[0], cmd.CommandPath())}
}

// asUsage makes wrong arguments end with the exit code of usage.
func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; usage: %s", err, cmd.UseLine())}
		}
		return nil
	}
}
