package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"teal/deployer"
)

func deployCommand(g *globals) *cobra.Command {
	var file, environment, release, revision string
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Bring this repository's service to an environment",
		Long: `Deploy reads a Compose file with an x-teal section, starts its containers in
the offline colour on every host, waits until every instance of the new release
passes its checks, flips the environment's alias to it, and leaves the old
colour as standby. A deployment that fails before the flip leaves the live
colour untouched and removes what it started.`,
		Example: "  teal deploy\n  teal deploy --file compose.yaml --environment production --release 1.4.0",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			spec, err := deployer.Load(ctx, file, os.Environ())
			if errors.Is(err, fs.ErrNotExist) {
				return usageError{err}
			}
			if err != nil {
				return err
			}
			for _, w := range spec.Warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
			}
			if environment, err = chooseEnvironment(spec, environment); err != nil {
				return err
			}
			out := newProgress(cmd.OutOrStdout())
			d, err := g.deployer(out.event)
			if err != nil {
				return err
			}
			done, err := d.Deploy(ctx, deployer.Request{Spec: spec, Environment: environment, Release: release, Revision: revisionOf(ctx, revision, file)})
			if err != nil {
				return err
			}
			out.line("", "%s %s is live in %s as %s", spec.Service, done.Release, environment, done.Target)
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "compose.yaml", "the service file")
	cmd.Flags().StringVarP(&environment, "environment", "e", "", "where to deploy to (default the only one, else production)")
	cmd.Flags().StringVar(&release, "release", "", "what to call this release (default what the file or the commit says)")
	cmd.Flags().StringVar(&revision, "revision", "", "the commit it was built from (default the one checked out)")
	return cmd
}

// revisionOf is the asked-for commit, else the one that is checked out where the
// service file lies; empty where there is none.
func revisionOf(ctx context.Context, asked, file string) string {
	if asked != "" {
		return asked
	}
	return deployer.GitRevision(ctx, filepath.Dir(file))
}

// chooseEnvironment is the asked-for environment, else the only one there is,
// else production.
func chooseEnvironment(spec *deployer.Spec, asked string) (string, error) {
	if asked == "" && len(spec.Environments) == 1 {
		for name := range spec.Environments {
			return name, nil
		}
	}
	if asked == "" {
		asked = "production"
	}
	if _, ok := spec.Environments[asked]; !ok {
		names := slices.Sorted(maps.Keys(spec.Environments))
		return "", usageError{fmt.Errorf("%s has no environment %q; it has %s", spec.Path, asked, strings.Join(names, ", "))}
	}
	return asked, nil
}
