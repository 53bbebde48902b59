package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"teal/deployer/images"
	"teal/docker"
)

func pushCommand() *cobra.Command {
	var m making
	cmd := &cobra.Command{
		Use:   "push",
		Short: "Push the images that build made to their registries",
		Long: `Push sends every image that the service file builds to the registry of its name,
with what docker login has left on this machine, and says the digest that each
has there. What the registry has already is not sent again.`,
		Example: "  teal push\n  teal push --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := m.load(cmd); err != nil {
				return err
			}
			if _, err := m.plan(); err != nil {
				return err
			}
			report := m.report()
			for _, image := range images.Built(m.spec) {
				report.Images = append(report.Images, imageResult{Image: image})
			}
			if m.dryRun || len(report.Images) == 0 {
				return m.say(cmd, report, "push")
			}
			err := m.onEngine(func(e *docker.Engine) error {
				return m.push(cmd.Context(), e, &report, m.progress(cmd))
			})
			if err != nil {
				return err
			}
			return m.say(cmd, report, "pushed")
		},
	}
	m.flags(cmd.Flags())
	return cmd
}

// push sends the images and notes what they are at their registries.
func (m *making) push(ctx context.Context, b images.Builder, report *imageReport, out io.Writer) error {
	pinned, err := images.Push(ctx, b, m.spec, out)
	if err != nil {
		return err
	}
	for _, part := range m.spec.Parts {
		for n := range report.Images {
			if part.Build != nil && report.Images[n].Image == part.Image {
				report.Images[n].Pinned = pinned[part.Name]
			}
		}
	}
	return nil
}
