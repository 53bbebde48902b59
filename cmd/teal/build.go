package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"teal/catalog"
	"teal/deployer/images"
	"teal/deployer/revision"
	"teal/deployer/servicefile"
	"teal/docker"
)

func buildCommand() *cobra.Command {
	var m making
	var push bool
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the images of this repository's service",
		Long: `Build runs docker build for every part of the service file that has a build, and
labels each image with where it is from: the commit, its version, the repository
and when it was created, which for a clean checkout is when it was committed.

A release is named by git: the tag on a tagged commit, else the next minor version
with -SNAPSHOT, and always the short commit, as in 1.5.0-SNAPSHOT-0a1b2c3. The
service file may use it, as image: registry.example/shop:${TEAL_RELEASE}, and
TEAL_VERSION and TEAL_REVISION. Variables of those names that are set count more.`,
		Example: "  teal build\n  teal build --file deploy/compose.yaml --push",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := m.load(cmd); err != nil {
				return err
			}
			plan, err := m.plan()
			if err != nil {
				return err
			}
			report := m.report()
			report.plan(plan)
			if m.dryRun || len(plan) == 0 {
				return m.say(cmd, report, "build")
			}
			err = m.onEngine(func(e *docker.Engine) error {
				return m.build(cmd.Context(), e, plan, push, &report, m.progress(cmd))
			})
			if err != nil {
				return err
			}
			return m.say(cmd, report, "built")
		},
	}
	m.flags(cmd.Flags())
	cmd.Flags().BoolVar(&push, "push", false, "push the images once all are built")
	return cmd
}

// making is what the commands that deal with a service's own images have in
// common.
type making struct {
	file, engine, release string
	dryRun, asJSON        bool

	spec    *servicefile.Spec
	version revision.Version
}

func (m *making) flags(f *pflag.FlagSet) {
	f.StringVarP(&m.file, "file", "f", serviceFile, "the service file")
	f.StringVar(&m.release, "release", "", "what to call this release, as with teal deploy (default what git says)")
	f.StringVar(&m.engine, "engine", "", "the Docker engine (default DOCKER_HOST, else the local one)")
	f.BoolVar(&m.dryRun, "dry-run", false, "say what would be done, and do nothing")
	f.BoolVar(&m.asJSON, "json", false, "write what was done as JSON, and the output of tools to standard error")
}

// load reads the service file, with what git says for it to use.
func (m *making) load(cmd *cobra.Command) error {
	ctx := cmd.Context()
	m.version = revision.Read(ctx, filepath.Dir(m.file))
	if m.version.Revision == "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: git tells nothing of %s, so images have no commit and TEAL_RELEASE, TEAL_VERSION and TEAL_REVISION are what the environment says\n", m.file)
	}
	spec, err := servicefile.Load(ctx, m.file, m.version.Environ(os.Environ(), m.release))
	if err != nil {
		return missingAsUsage(err)
	}
	printWarnings(cmd.ErrOrStderr(), spec.Warnings)
	m.spec = spec
	return nil
}

// plan is what the service file builds; where it can't be, the file is to blame.
func (m *making) plan() ([]catalog.BuildSpec, error) {
	plan := images.Plan(m.spec, m.version, time.Now())
	if err := images.Check(plan); err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", m.file, err)}
	}
	return plan, nil
}

// onEngine does something on the Docker engine.
func (m *making) onEngine(do func(*docker.Engine) error) error {
	engine, err := docker.New(m.engine)
	if err != nil {
		return usageError{err}
	}
	defer engine.Close()
	return do(engine)
}

// progress is where tools write to meanwhile.
func (m *making) progress(cmd *cobra.Command) io.Writer {
	if m.asJSON {
		return cmd.ErrOrStderr()
	}
	return cmd.OutOrStdout()
}

func (m *making) build(ctx context.Context, b images.Builder, plan []catalog.BuildSpec, push bool, report *imageReport, out io.Writer) error {
	if err := images.Build(ctx, b, plan, out); err != nil || !push {
		return err
	}
	return m.push(ctx, b, report, out)
}

// say ends a command with what was done, or would be, to each image.
func (m *making) say(cmd *cobra.Command, report imageReport, done string) error {
	if m.asJSON {
		return writeJSON(cmd.OutOrStdout(), report)
	}
	report.print(cmd.OutOrStdout(), done)
	return nil
}

// imageReport is what `teal build` and `teal push` did.
type imageReport struct {
	Service  string        `json:"service"`
	Release  string        `json:"release,omitempty"` // as git names it
	Revision string        `json:"revision,omitempty"`
	DryRun   bool          `json:"dry_run,omitempty"`
	Images   []imageResult `json:"images"`
}

// imageResult is one image. The values of build arguments are left out.
type imageResult struct {
	Image      string            `json:"image"`
	Context    string            `json:"context,omitempty"`
	Dockerfile string            `json:"dockerfile,omitempty"`
	Target     string            `json:"target,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Pinned     string            `json:"pinned,omitempty"` // once it is pushed
}

func (m *making) report() imageReport {
	return imageReport{
		Service: m.spec.Service, Release: m.version.Release(), Revision: m.version.Revision, DryRun: m.dryRun,
		Images: []imageResult{},
	}
}

func (r *imageReport) plan(plan []catalog.BuildSpec) {
	for _, b := range plan {
		for _, tag := range b.Tags {
			r.Images = append(r.Images, imageResult{Image: tag, Context: b.Context, Dockerfile: b.Dockerfile, Target: b.Target, Labels: b.Labels})
		}
	}
}

// print says one image a line. done is "built", or "build" where nothing was or
// will be.
func (r *imageReport) print(out io.Writer, done string) {
	if len(r.Images) == 0 {
		fmt.Fprintf(out, "nothing to %s: no part of %s has a build\n", done, r.Service)
		return
	}
	for _, i := range r.Images {
		line := done + " " + i.Image
		if r.DryRun {
			line = "would " + line
		}
		if i.Context != "" {
			line += " from " + filepath.Join(i.Context, i.Dockerfile)
		}
		if i.Pinned != "" {
			line += ", which is " + i.Pinned
		}
		fmt.Fprintln(out, line)
	}
}
