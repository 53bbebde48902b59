//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// The example goes from its source to production by `teal pipeline`, twice of it
// under load: what production runs is what integration has tried, byte for byte,
// and not one request fails.
func TestFleetPipelineFromSourceToProduction(t *testing.T) {
	w := newFleetWorld(t)
	p := w.newSource(t, "teal-test-pipeline")
	p.commit("the first")
	p.git("tag", "v1.0.0")
	release := "1.0.0-" + p.short()

	t.Run("the tag", func(t *testing.T) {
		r := p.pipeline(t)
		require.Zero(t, r.code, r.out)
		requireSteps(t, r.out)
		p.requireLive(t, release)
		p.requireLabels(t, "1.0.0")
	})

	l := p.startLoad(100)
	l.expect(release)
	l.settled(50)
	p.edit("api/main.go", "answers on :8080", "takes requests on :8080")
	p.commit("the second")
	next := "1.1.0-SNAPSHOT-" + p.short()
	l.expect(release, next)

	t.Run("the next commit, under load", func(t *testing.T) {
		r := p.pipeline(t)
		require.Zero(t, r.code, r.out)
		requireSteps(t, r.out)
		p.requireLive(t, next)
		p.requireLabels(t, "1.1.0-SNAPSHOT")
		l.expect(next)
		l.settled(50)
	})
	t.Run("the same commit again, less two steps, under load", func(t *testing.T) {
		before := p.runs(t, production)
		r := p.pipeline(t, "--skip", "test,prune")
		require.Zero(t, r.code, r.out)
		require.Regexp(t, `test +step 3 of 11 is left out`, r.out)
		require.Regexp(t, `prune +step 10 of 11 is left out`, r.out)
		require.NotContains(t, r.out, "a visitor gets what is due")
		p.requireLive(t, next)
		require.Equal(t, before, p.runs(t, production), "the same commit made other images")
		l.settled(50)
	})
	t.Run("production waits for a word, under load", func(t *testing.T) {
		p.awaitsApproval(t, l, next)
	})
	l.end()
	require.Empty(t, p.leftRecords())
	require.Empty(t, p.leftSessions())
}

// awaitsApproval has a third commit wait for somebody's word while the one that is
// live stays so.
func (p *source) awaitsApproval(t *testing.T, l *fleetLoad, live string) {
	p.edit("compose.yaml", "#approval: {within: 24h, then: abort}", "approval: {within: 24h, then: abort}")
	p.edit("api/main.go", "takes requests on :8080", "awaits requests on :8080")
	p.commit("the third")
	third := "1.1.0-SNAPSHOT-" + p.short()
	alias := p.alias()

	r := p.pipeline(t)
	require.Equal(t, 7, r.code, r.out)
	require.Contains(t, r.out, "teal approve "+p.name)
	require.Equal(t, alias, p.alias())
	require.Equal(t, live, p.liveRelease())
	l.settled(50)

	l.expect(live, third)
	r = p.run(nil, "approve", p.name, production, "--reason", "it looks well")
	require.Zero(t, r.code, r.out)
	r = p.run([]string{"REGISTRY=" + p.w.registry}, "resume", "--file", p.file)
	require.Zero(t, r.code, r.out)
	p.requireLive(t, third)
	l.expect(third)
	l.settled(50)
}

// source is the example as a team has it: a repository of its own, with two
// environments on the fleet's hosts and a registry for each.
type source struct {
	*fleetShop
	dir        string
	production string // the registry that production's hosts pull from
}

func (w *fleetWorld) newSource(t *testing.T, name string) *source {
	t.Helper()
	w.net.command("ip address add %s/24 dev %s", w.net.address(2), w.net.device)
	dir := t.TempDir()
	s := &source{
		fleetShop:  &fleetShop{t: t, w: w, name: name, file: filepath.Join(dir, "compose.yaml"), replicas: replicas, wire: w.wire},
		dir:        dir,
		production: startFleetRegistry(t, w.net.address(2)),
	}
	t.Cleanup(s.remove)
	for _, folder := range []string{"api", "db"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, folder), os.DirFS("../examples/shop/"+folder)))
	}
	for _, file := range []string{"Dockerfile", "compose.yaml"} {
		text, err := os.ReadFile("../examples/shop/" + file)
		require.NoError(t, err)
		s.write(file, string(text))
	}
	s.write("go.mod", "module shop\n\ngo 1.26\n")
	s.write(".gitignore", "/bin/\n")
	s.declare()
	s.git("init", "--quiet", "--initial-branch=main")
	return s
}

// declare says in the service file where the fleet is.
func (p *source) declare() {
	p.t.Helper()
	var hosts []string
	for _, h := range p.w.hosts {
		hosts = append(hosts, fmt.Sprintf("%q", h.tcp()))
	}
	here := `hosts: ["unix:///var/run/docker.sock"]`
	p.edit("compose.yaml", "\nname: shop\n", "\nname: "+p.name+"\n")
	p.edit("compose.yaml", here+"\n      #standby", here+fmt.Sprintf("\n      replicas: %d\n      #standby", replicas))
	p.edit("compose.yaml", here, "hosts: ["+strings.Join(hosts, ", ")+"]")
	p.edit("compose.yaml", "#requires: integration", "requires: integration")
	p.edit("compose.yaml", "#registry: registry.production.example", "registry: "+p.production)
}

func (p *source) write(file, text string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(filepath.Join(p.dir, file), []byte(text), 0o600))
}

// edit replaces a text that must be there.
func (p *source) edit(file, old, text string) {
	p.t.Helper()
	was, err := os.ReadFile(filepath.Join(p.dir, file))
	require.NoError(p.t, err)
	require.Contains(p.t, string(was), old)
	p.write(file, strings.ReplaceAll(string(was), old, text))
}

// commit builds the programs, as the pipeline's first job does, and commits their
// source.
func (p *source) commit(message string) {
	p.t.Helper()
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", "bin/", "./api", "./db")
	build.Dir, build.Env = p.dir, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=-buildvcs=false")
	mustRun(p.t, build)
	p.git("add", ".")
	p.git("commit", "--quiet", "--message", message)
}

func (p *source) git(args ...string) string {
	p.t.Helper()
	cmd := exec.Command("git", append([]string{
		"-c", "user.name=A test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false",
	}, args...)...)
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	require.NoError(p.t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// short is the commit as releases have it in their names.
func (p *source) short() string { return p.git("rev-parse", "HEAD")[:7] }

func (p *source) pipeline(t *testing.T, args ...string) result {
	t.Helper()
	began := time.Now()
	r := p.run([]string{"REGISTRY=" + p.w.registry}, append([]string{"pipeline", "--file", p.file}, args...)...)
	t.Logf("the pipeline took %s", time.Since(began).Round(10*time.Millisecond))
	return r
}

// requireSteps holds that all eleven steps are told, each in its turn.
func requireSteps(t *testing.T, out string) {
	t.Helper()
	at := 0
	for _, step := range []string{"lint", "build", "test", "push", "plan", "deploy", "verify", "promote", "confirm", "prune", "report"} {
		line := regexp.MustCompile(`(?m)^ *[0-9.]+s  ` + step + ` `).FindStringIndex(out[at:])
		require.NotNil(t, line, "step %s is not told after those before it", step)
		at += line[1]
	}
	require.Contains(t, out, "a visitor gets what is due", "the self-test has not run")
}

// requireLive holds that a release is live in both environments at full strength,
// and that the containers of both run the very same images, each from the registry
// of its environment.
func (p *source) requireLive(t *testing.T, release string) {
	t.Helper()
	require.Equal(t, release, p.liveRelease())
	tried, live := p.runs(t, "integration"), p.runs(t, production)
	require.Len(t, live, 2, "the digest of each part")
	require.Equal(t, tried, live, "production runs other images than integration")
	for part, digest := range live {
		t.Logf("%s: integration and production run %s", part, digest)
	}
}

// runs is the digest that the engines tell of what the live containers of an
// environment run, by part, which must be the same on all hosts.
func (p *source) runs(t *testing.T, environment string) map[string]string {
	t.Helper()
	registry := map[string]string{"integration": p.w.registry, production: p.production}[environment]
	target := p.pointsAt(t, environment)
	digests := map[string]string{}
	for _, h := range p.w.hosts {
		count := 0
		for _, c := range p.containers(t, h, target) {
			in, err := h.docker.ImageInspect(t.Context(), c.ImageID)
			require.NoError(t, err)
			part := c.Labels[catalog.LabelPart]
			digest := digestFrom(t, in.RepoDigests, fmt.Sprintf("%s/shop-%s@", registry, part))
			if known, ok := digests[part]; ok {
				require.Equal(t, known, digest, "%s of %s on %s", part, environment, h.name)
			}
			digests[part] = digest
			count++
		}
		require.Equal(t, replicas+1, count, "containers of %s on %s", environment, h.name)
	}
	return digests
}

// digestFrom is the digest of an image in a repository.
func digestFrom(t *testing.T, known []string, repository string) string {
	t.Helper()
	for _, name := range known {
		if digest, ok := strings.CutPrefix(name, repository); ok {
			return digest
		}
	}
	require.Fail(t, "the image is not from "+repository, "it is %v", known)
	return ""
}

// pointsAt is what the alias of an environment holds.
func (p *source) pointsAt(t *testing.T, environment string) string {
	t.Helper()
	pair, _, err := p.w.consul.Client().KV().Get(catalog.NewKeys("").Alias(p.name, environment), nil)
	require.NoError(t, err)
	require.NotNil(t, pair, "nothing is live in %s", environment)
	return string(pair.Value)
}

// containers are those of a target that run on a host.
func (p *source) containers(t *testing.T, h *fleetHost, target string) []container.Summary {
	t.Helper()
	list, err := h.docker.ContainerList(t.Context(), container.ListOptions{Filters: p.byService()})
	require.NoError(t, err)
	var mine []container.Summary
	for _, c := range list {
		if targetOf(c.Labels) == target {
			mine = append(mine, c)
		}
	}
	return mine
}

// requireLabels holds that the image of the api says where it is from.
func (p *source) requireLabels(t *testing.T, version string) {
	t.Helper()
	h := p.w.hosts[1] // which has pulled it
	for _, c := range p.containers(t, h, p.alias()) {
		if c.Labels[catalog.LabelPart] != "api" {
			continue
		}
		in, err := h.docker.ImageInspect(t.Context(), c.ImageID)
		require.NoError(t, err)
		made, err := time.Parse(time.RFC3339, p.git("show", "--no-patch", "--format=%cI"))
		require.NoError(t, err)
		for label, want := range map[string]string{
			"revision": p.git("rev-parse", "HEAD"), "version": version, "created": made.UTC().Format(time.RFC3339),
			"source": "https://git.example/shop", "title": p.name,
		} {
			require.Equal(t, want, in.Config.Labels["org.opencontainers.image."+label], label)
		}
		return
	}
	require.Fail(t, "no api runs there")
}
