package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"teal/deployer/servicefile"

	"github.com/spf13/cobra"
)

// serviceFile is the service file unless told otherwise.
const serviceFile = "compose.yaml"

func lintCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint [FILE]",
		Short: "Check a service file without deploying it",
		Long: `Lint reads a service file as a deployment does and says what is wrong with it,
with the line and a sentence for each. It asks neither Consul nor Docker.

It ends with 0 when the file can be deployed, and with 2 when it can't. Warnings
tell what the file asks for and Teal will not do.`,
		Example: "  teal lint\n  teal lint deploy/compose.yaml --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			said, err := lint(cmd.Context(), args)
			if err != nil {
				return err
			}
			if asJSON {
				if err := writeJSON(cmd.OutOrStdout(), said); err != nil || said.Err() == nil {
					return err
				}
				return fmt.Errorf("%w: %w", errQuiet, said.Err())
			}
			printWarnings(cmd.ErrOrStderr(), said.Warnings)
			if err := said.Err(); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is sound: service %s, to deploy to %s\n", said.File, said.Service, strings.Join(said.Environments, ", "))
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

func lint(ctx context.Context, args []string) (servicefile.Lint, error) {
	file := serviceFile
	if len(args) > 0 {
		file = args[0]
	}
	said, err := servicefile.LintFile(ctx, file, os.Environ())
	return said, missingAsUsage(err)
}

// missingAsUsage makes a file that is not there a matter of usage.
func missingAsUsage(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usageError{err}
	}
	return err
}

func printWarnings(out io.Writer, warnings []servicefile.Issue) {
	for _, w := range warnings {
		fmt.Fprintf(out, "warning: %s\n", w)
	}
}

// writeJSON writes a value for programs to read.
func writeJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
