package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/images"
	"teal/deployer/printable"
	"teal/deployer/servicefile"
	"teal/docker"
)

// The steps of a pipeline, in their order.
const (
	stepLint    = "lint"
	stepBuild   = "build"
	stepTest    = "test"
	stepPush    = "push"
	stepPlan    = "plan"
	stepDeploy  = "deploy"
	stepVerify  = "verify"
	stepPromote = "promote"
	stepConfirm = "confirm"
	stepPrune   = "prune"
	stepReport  = "report"
)

var pipelineSteps = []string{
	stepLint, stepBuild, stepTest, stepPush, stepPlan, stepDeploy, stepVerify, stepPromote, stepConfirm, stepPrune, stepReport,
}

func pipelineCommand(g *globals) *cobra.Command {
	p := &pipeline{deploying: deploying{globals: g}}
	cmd := &cobra.Command{
		Use:   "pipeline",
		Short: "From the source to production: all steps in their order",
		Long: `Pipeline takes what is checked out to production, in eleven steps, each of which
can be left out with --skip:

  lint      read the service file
  build     build its images, labelled with where they are from
  test      run the self-test of the image by itself
  push      push the images to their registry
  plan      say what would change in the first environment
  deploy    deploy there, by digest
  verify    look whether what is live there is well
  promote   deploy the very same digests to the second environment
  confirm   look whether what is live there is well
  prune     remove what nobody needs any more
  report    say what was done

The first environment is the one that the second requires. Where there is but one,
it is deployed to, and promote and confirm have nothing to do. A step that fails
ends the pipeline with that step's exit code; run it again and it goes on from the
start, which by then is mostly done.

What could not be pruned is noted and does not end the pipeline, as the release is
live; the next run tries again. teal prune ends with 1 then.

Where an environment asks for approval it ends with 7. Run it again once somebody
has approved: it goes on with the deployment that waits, if the service file, the
release and the digests of its images are still the same, and then with the later
steps. Other images are another deployment, which waits for its own approval; with
--skip build,test,push,deploy nothing is made anew.`,
		Example: "  teal pipeline\n  teal pipeline --skip test,prune --wait 10m",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	cmd.Flags().StringArrayVarP(&p.files, "file", "f", []string{serviceFile}, "the service file")
	cmd.Flags().StringVar(&p.from, "from", "", "the environment to deploy to first (default what the other requires)")
	cmd.Flags().StringVar(&p.to, "to", "", "the environment to promote to (default production)")
	cmd.Flags().StringSliceVar(&p.skip, "skip", nil, "steps to leave out")
	cmd.Flags().StringVar(&p.engine, "engine", "", "the Docker engine that builds (default DOCKER_HOST, else the local one)")
	cmd.Flags().BoolVar(&p.dry, "dry-run", false, "say which steps there would be, and do nothing")
	keepFlag(cmd, &p.keep)
	p.waitFlags(cmd)
	return cmd
}

// pipeline is all steps of one run.
type pipeline struct {
	deploying
	from, to string
	engine   string
	skip     []string
	keep     int
	dry      bool

	source source
	out    output
	dep    *deployer.Deployer
	did    []string // what the steps say of themselves, for the report

	pushed   map[string]string   // what was pushed, by part: pinned
	deployed string              // the deployment of the first environment; empty when it is left out
	last     *catalog.Deployment // that it brought, or that waits; nil when there is none
}

func (p *pipeline) run(cmd *cobra.Command) error {
	for _, name := range p.skip {
		if !slices.Contains(pipelineSteps, name) {
			return usageError{fmt.Errorf("there is no step %q to skip; the steps are %s", name, strings.Join(pipelineSteps, ", "))}
		}
	}
	err := soundKeep(cmd, p.keep)
	if err != nil {
		return err
	}
	if p.source, err = p.only(cmd); err != nil {
		return err
	}
	if err := p.chooseWay(); err != nil {
		return err
	}
	p.out = newOutput(cmd, p.deploying.out)
	defer p.out.close()
	if p.dep, err = p.deployer(p.out.event); err != nil {
		return err
	}
	for n, name := range pipelineSteps {
		if err := p.step(cmd.Context(), n, name); err != nil {
			return p.end(name, err)
		}
	}
	p.through()
	return nil
}

// through is how a pipeline ends whose steps are all done or left out.
func (p *pipeline) through() {
	if p.last == nil {
		p.out.passed("the pipeline is through and has deployed nothing")
		return
	}
	p.out.done(*p.last)
}

// end is how a pipeline ends that a step has ended.
func (p *pipeline) end(step string, err error) error {
	var awaiting *deployer.Awaiting
	if errors.As(err, &awaiting) {
		p.out.say(step, "the pipeline ends here; run it again once somebody has approved, and it goes on with deployment %s", awaiting.Deployment)
		p.out.done(*p.last)
		return said{err}
	}
	return p.out.failed(fmt.Errorf("step %s: %w", step, err))
}

// chooseWay decides between which environments the release goes.
func (p *pipeline) chooseWay() error {
	spec := p.source.spec
	if len(spec.Environments) == 1 && p.from == "" {
		only, err := chooseEnvironment(spec, p.to)
		p.from, p.to = only, ""
		return err
	}
	from, to, err := chooseWay(spec, p.from, p.to)
	p.from, p.to = from, to
	return err
}

// chooseWay is from where to where a release goes: to production unless told
// otherwise, and from what that requires.
func chooseWay(spec *servicefile.Spec, from, to string) (string, string, error) {
	to, err := chooseEnvironment(spec, to)
	if err != nil {
		return "", "", err
	}
	if from == "" {
		from = spec.Environments[to].Requires
	}
	if from == "" {
		return "", "", usageError{fmt.Errorf("environment %s of %s requires no other, so say with --from which one comes first", to, spec.Path)}
	}
	if from, err = chooseEnvironment(spec, from); err != nil {
		return "", "", err
	}
	if from == to {
		return "", "", usageError{fmt.Errorf("--from and --to both name %s; a release goes from one environment to another", to)}
	}
	return from, to, nil
}

func (p *pipeline) step(ctx context.Context, n int, name string) error {
	if slices.Contains(p.skip, name) {
		p.out.say(name, "step %d of %d is left out", n+1, len(pipelineSteps))
		return nil
	}
	if p.dry {
		p.out.say(name, "step %d of %d would be done", n+1, len(pipelineSteps))
		return nil
	}
	if name != stepReport { // which is to be seen without unfolding it
		p.out.begin(name, fmt.Sprintf("step %d of %d: %s", n+1, len(pipelineSteps), name))
		defer p.out.end()
	}
	return map[string]func(context.Context) error{
		stepLint: p.lint, stepBuild: p.build, stepTest: p.test, stepPush: p.push, stepPlan: p.plan,
		stepDeploy: p.deploy, stepVerify: p.verify(p.from), stepPromote: p.promoteIt, stepConfirm: p.verify(p.to),
		stepPrune: p.prune, stepReport: p.report,
	}[name](ctx)
}

// told says what a step has done, and keeps it for the report.
func (p *pipeline) told(step, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	p.out.say(step, "%s", text)
	p.did = append(p.did, step+": "+text)
	return nil
}

func (p *pipeline) lint(context.Context) error {
	return p.told(stepLint, "%s is sound: service %s", p.source.file, p.source.spec.Service)
}

// toolOutput shows what a tool writes, a line at a time.
func (p *pipeline) toolOutput(step string) *printable.LineWriter {
	return &printable.LineWriter{Line: func(text string) { p.out.say(step, "%s", text) }}
}

func (p *pipeline) onEngine(do func(*docker.Engine) error) error {
	engine, err := docker.New(p.engine)
	if err != nil {
		return usageError{err}
	}
	defer engine.Close()
	return do(engine)
}

func (p *pipeline) build(ctx context.Context) error {
	plan := images.Plan(p.source.spec, p.source.version, time.Now())
	if len(plan) == 0 {
		return p.told(stepBuild, "no part has a build")
	}
	if err := images.Check(plan); err != nil {
		return usageError{err}
	}
	out := p.toolOutput(stepBuild)
	defer out.End()
	err := p.onEngine(func(e *docker.Engine) error { return images.Build(ctx, e, plan, out) })
	if err != nil {
		return err
	}
	return p.told(stepBuild, "built %s", strings.Join(images.Built(p.source.spec), ", "))
}

func (p *pipeline) test(ctx context.Context) error {
	image, err := images.SelfTested(p.source.spec)
	if err != nil {
		return usageError{err}
	}
	if image == "" {
		return p.told(stepTest, "the file has no self-test")
	}
	out := p.toolOutput(stepTest)
	defer out.End()
	err = p.onEngine(func(e *docker.Engine) error { return images.SelfTest(ctx, e, p.source.spec, out) })
	if err != nil {
		return err
	}
	return p.told(stepTest, "the self-test of %s passes", image)
}

func (p *pipeline) push(ctx context.Context) error {
	if len(images.Built(p.source.spec)) == 0 {
		return p.told(stepPush, "no part has a build")
	}
	out := p.toolOutput(stepPush)
	defer out.End()
	err := p.onEngine(func(e *docker.Engine) (err error) {
		p.pushed, err = images.Push(ctx, e, p.source.spec, out)
		return err
	})
	if err != nil {
		return err
	}
	for part, image := range p.pushed {
		_ = p.told(stepPush, "%s is %s", part, image)
	}
	return nil
}

func (p *pipeline) plan(ctx context.Context) error {
	plan, err := p.dep.Plan(ctx, p.request(p.source, p.from))
	if err != nil {
		return err
	}
	if !plan.Changes {
		return p.told(stepPlan, "nothing would change in %s", p.from)
	}
	return p.told(stepPlan, "release %s would go to %s in %s", plan.Release, plan.Target, p.from)
}

func (p *pipeline) deploy(ctx context.Context) error {
	req := p.request(p.source, p.from)
	req.Images = p.pushed // and not what their tags mean by now
	done, err := p.dep.Continue(ctx, req)
	if err == nil {
		p.deployed = done.ID
	}
	return p.live(stepDeploy, done, err)
}

func (p *pipeline) promoteIt(ctx context.Context) error {
	if p.to == "" {
		return p.told(stepPromote, "there is but one environment")
	}
	req, err := p.promotion(ctx, p.dep, p.source, p.from, p.to, p.deployed)
	if err != nil {
		return err
	}
	done, err := p.dep.Continue(ctx, req)
	return p.live(stepPromote, done, err)
}

// live tells what a deployment has brought, and keeps it for the end.
func (p *pipeline) live(step string, done catalog.Deployment, err error) error {
	p.last = &done
	if err != nil {
		return err
	}
	return p.told(step, "release %s is live in %s as %s", done.Release, done.Environment, done.Target)
}

func (p *pipeline) verify(environment string) func(context.Context) error {
	return func(ctx context.Context) error {
		step := stepVerify
		if environment == p.to {
			step = stepConfirm
		}
		if environment == "" {
			return p.told(step, "there is but one environment")
		}
		found, err := p.dep.Verify(ctx, p.source.spec, environment)
		for _, problem := range found.Problems {
			p.out.say(step, "%s", problem)
		}
		if err != nil {
			return err
		}
		if environment == p.from && p.deployed != "" && found.Deployment != p.deployed {
			return fmt.Errorf("deployment %s of release %s is live in %s by now instead of deployment %s of this pipeline; run it again", found.Deployment, found.Release, environment, p.deployed)
		}
		return p.told(step, "%s", verifiedWords(found))
	}
}

// prune fails only when it is interrupted: the release is live, and the next run
// prunes what is left.
func (p *pipeline) prune(ctx context.Context) error {
	for _, environment := range []string{p.from, p.to} {
		if environment == "" {
			continue
		}
		pruned, err := p.dep.Prune(ctx, deployer.PruneRequest{Service: p.source.spec.Service, Environment: environment, Keep: p.keep})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			pruned.Left = append(pruned.Left, err.Error())
		}
		for _, left := range pruned.Left {
			p.out.say("note", "left in %s: %s", environment, left)
		}
		text := fmt.Sprintf("%s: %d containers and %d records are gone", environment, len(pruned.Containers), len(pruned.Deployments))
		if len(pruned.Left) > 0 {
			text += ", and not all that could go; see the notes"
		}
		_ = p.told(stepPrune, "%s", text)
	}
	return nil
}

func (p *pipeline) report(context.Context) error {
	for _, line := range p.did {
		p.out.say(stepReport, "%s", line)
	}
	return nil
}
