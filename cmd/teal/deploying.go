package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/revision"
	"teal/deployer/servicefile"
)

// deploying is what the commands that deploy have in common.
type deploying struct {
	*globals
	files        []string
	environment  string
	release      string
	revision     string
	wait         time.Duration
	waitApproval bool
	out          outputFlags
}

func (d *deploying) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&d.files, "file", "f", []string{serviceFile}, "the service file; several are deployed together, and flipped in one transaction")
	d.nameFlags(cmd)
	d.waitFlags(cmd)
}

// nameFlags are those that say what is deployed, in the place of git.
func (d *deploying) nameFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.release, "release", "", "what to call this release, TEAL_RELEASE in the service file (default what the file or git says)")
	f.StringVar(&d.revision, "revision", "", "the commit it was built from (default the one checked out)")
}

// namedFlag is for commands that read the file of what was deployed before.
func (d *deploying) namedFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.release, "release", "", "the --release that it was deployed with, if any: TEAL_RELEASE in the service file")
}

// waitFlags are those of commands that go on with what is recorded.
func (d *deploying) waitFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.DurationVar(&d.wait, "wait", 0, "how long to wait for a deployment that is under way, such as 10m (default not at all)")
	f.BoolVar(&d.waitApproval, "wait-approval", false, "wait for the approval that the environment asks for, rather than end with 7")
	d.out.add(cmd)
}

func (d *deploying) environmentFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&d.environment, "environment", "e", "", "where to deploy to (default the only one, else production)")
}

// source is a service file and what git says of where it lies.
type source struct {
	file    string
	spec    *servicefile.Spec
	version revision.Version
}

// load reads a service file, in which TEAL_RELEASE is what the release is asked to
// be called, if it is.
func (d *deploying) load(cmd *cobra.Command, file string) (source, error) {
	ctx := cmd.Context()
	s := source{file: file, version: revision.Read(ctx, filepath.Dir(file))}
	var err error
	if s.spec, err = servicefile.Load(ctx, file, s.version.Environ(os.Environ(), d.release)); err != nil {
		return s, missingAsUsage(err)
	}
	printWarnings(cmd.ErrOrStderr(), s.spec.Warnings)
	return s, nil
}

// request is what to deploy of a service file.
func (d *deploying) request(s source, environment string) deployer.Request {
	req := deployer.Request{
		Spec: s.spec, Environment: environment, Release: d.release, Revision: d.revision,
		WaitLock: d.wait, WaitApproval: d.waitApproval,
	}
	if d.revision != "" && d.revision != s.version.Revision {
		return req // it was built from another commit than is checked out
	}
	req.Revision, req.Committed = s.version.Revision, s.version.Committed
	if req.Release == "" && s.spec.Release == "" {
		req.Release = s.version.Release()
	}
	return req
}

// requests are what to deploy of all service files.
func (d *deploying) requests(cmd *cobra.Command) ([]deployer.Request, error) {
	var all []deployer.Request
	for _, file := range d.files {
		s, err := d.load(cmd, file)
		if err != nil {
			return nil, err
		}
		environment, err := chooseEnvironment(s.spec, d.environment)
		if err != nil {
			return nil, err
		}
		all = append(all, d.request(s, environment))
	}
	return all, nil
}

// only is the one service file of a command that takes no more.
func (d *deploying) only(cmd *cobra.Command) (source, error) {
	if len(d.files) != 1 {
		return source{}, usageError{fmt.Errorf("%s takes one service file, and %d are named", cmd.CommandPath(), len(d.files))}
	}
	return d.load(cmd, d.files[0])
}

// show runs something that deploys, and shows what it does and how it ends.
func (d *deploying) show(cmd *cobra.Command, do func(context.Context, *deployer.Deployer) ([]catalog.Deployment, error)) error {
	out := newOutput(cmd, d.out)
	defer out.close()
	dep, err := d.deployer(out.event)
	if err != nil {
		return err
	}
	return show(cmd.Context(), out, dep, do)
}

// show is that on an output and a deployer that are there already.
func show(ctx context.Context, out output, dep *deployer.Deployer, do func(context.Context, *deployer.Deployer) ([]catalog.Deployment, error)) error {
	done, err := do(ctx, dep)
	var awaiting *deployer.Awaiting
	if err != nil && !errors.As(err, &awaiting) {
		return out.failed(err)
	}
	for _, record := range done {
		out.done(record)
	}
	if err != nil {
		return said{err}
	}
	return nil
}

// chooseEnvironment is the asked-for environment, else the only one there is,
// else production.
func chooseEnvironment(spec *servicefile.Spec, asked string) (string, error) {
	if asked == "" && len(spec.Environments) == 1 {
		for name := range spec.Environments {
			return name, nil
		}
	}
	if asked == "" {
		asked = catalog.DefaultAlias
	}
	if _, ok := spec.Environments[asked]; !ok {
		names := slices.Sorted(maps.Keys(spec.Environments))
		return "", usageError{fmt.Errorf("%s has no environment %q; it has %s", spec.Path, asked, strings.Join(names, ", "))}
	}
	return asked, nil
}
