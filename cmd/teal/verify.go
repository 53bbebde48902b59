package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"teal/deployer"
	"teal/deployer/printable"
)

func verifyCommand(g *globals) *cobra.Command {
	d := &deploying{globals: g}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Look whether what is live does what the service file asks for",
		Long: `Verify looks at what users of an environment meet: every instance of the release
passes its checks, every router has the last flip, no container is missing or
another one than recorded, and the smoke tests and the test command of the service
file pass at the stable URI. It changes nothing, and ends with 1 when something is
not as it should be.`,
		Example: "  teal verify --environment integration",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := d.only(cmd)
			if err != nil {
				return err
			}
			environment, err := chooseEnvironment(s.spec, d.environment)
			if err != nil {
				return err
			}
			dep, err := d.deployer(nil)
			if err != nil {
				return err
			}
			found, err := dep.Verify(cmd.Context(), s.spec, environment)
			if err != nil && !errors.Is(err, deployer.ErrNotVerified) {
				return err
			}
			return sayVerified(cmd.OutOrStdout(), found, err, asJSON)
		},
	}
	cmd.Flags().StringArrayVarP(&d.files, "file", "f", []string{serviceFile}, "the service file")
	cmd.Flags().StringVarP(&d.environment, "environment", "e", "", "which environment (default the only one, else production)")
	d.namedFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

func sayVerified(out io.Writer, v deployer.Verified, failed error, asJSON bool) error {
	if asJSON {
		if err := writeJSON(out, v); err != nil {
			return err
		}
		if failed != nil {
			return fmt.Errorf("%w: %w", errQuiet, failed)
		}
		return nil
	}
	for _, problem := range v.Problems {
		fmt.Fprintf(out, "problem: %s\n", printable.Text(problem))
	}
	if failed == nil {
		fmt.Fprintln(out, verifiedWords(v))
	}
	return failed
}

func verifiedWords(v deployer.Verified) string {
	return fmt.Sprintf("release %s of %s is well in %s: instances that pass: %d, routers with the last flip: %d, smoke tests: %d",
		v.Release, v.Service, v.Environment, v.Passing, v.Routers, v.Smoke)
}
