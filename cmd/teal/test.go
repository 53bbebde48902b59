package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teal/deployer/images"
	"teal/docker"
)

func testCommand() *cobra.Command {
	var m making
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Run the self-test of the image that build made",
		Long: `Test runs the self-test of the service file in a container that has the built
image and nothing else: no network, no variables, no volumes. What the container
writes is shown as it comes. The test passes when the container ends with 0 within
its time, and the container is removed however it ends.`,
		Example: "  teal build && teal test",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := m.load(cmd); err != nil {
				return err
			}
			image, err := images.SelfTested(m.spec)
			if err != nil {
				return usageError{err}
			}
			result := testResult{Service: m.spec.Service, Release: m.version.Release(), Image: image, DryRun: m.dryRun}
			if m.spec.SelfTest != nil {
				result.Command = m.spec.SelfTest.Command
			}
			if m.dryRun || image == "" {
				return m.sayTest(cmd, result, nil)
			}
			err = m.onEngine(func(e *docker.Engine) error {
				return images.SelfTest(cmd.Context(), e, m.spec, m.progress(cmd))
			})
			return m.sayTest(cmd, result, err)
		},
	}
	m.flags(cmd.Flags())
	return cmd
}

// testResult is what came of a self-test.
type testResult struct {
	Service string   `json:"service"`
	Release string   `json:"release,omitempty"`
	Image   string   `json:"image,omitempty"` // empty where the file has no self-test
	Command []string `json:"command,omitempty"`
	DryRun  bool     `json:"dry_run,omitempty"`
	Passed  bool     `json:"passed"`
	Reason  string   `json:"reason,omitempty"` // why it did not pass
}

// sayTest ends the command with what came of the test; failed is why it did not
// pass.
func (m *making) sayTest(cmd *cobra.Command, r testResult, failed error) error {
	if !m.asJSON {
		if failed == nil {
			fmt.Fprintln(cmd.OutOrStdout(), r.words())
		}
		return failed
	}
	r.Passed = failed == nil && !r.DryRun
	if failed == nil {
		return writeJSON(cmd.OutOrStdout(), r)
	}
	r.Reason = failed.Error()
	if err := writeJSON(cmd.OutOrStdout(), r); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errQuiet, failed)
}

func (r testResult) words() string {
	switch {
	case r.Image == "":
		return fmt.Sprintf("nothing to test: %s has no self-test", r.Service)
	case r.DryRun:
		return strings.TrimSpace(fmt.Sprintf("would run %s %s", r.Image, strings.Join(r.Command, " ")))
	}
	return fmt.Sprintf("the self-test of %s passes", r.Image)
}
