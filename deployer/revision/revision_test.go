package revision

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/deployer/servicefile"
)

// repo is a git checkout to try things in.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) repo {
	t.Helper()
	r := repo{t: t, dir: t.TempDir()}
	r.git("init", "-q", "-b", "main")
	return r
}

// git runs a git command that heeds no configuration of whoever runs the tests.
func (r repo) git(args ...string) string {
	r.t.Helper()
	args = append([]string{"-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "tag.gpgSign=false", "-c", "commit.gpgSign=false", "-c", "protocol.file.allow=always"}, args...)
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-03-01T12:00:00+02:00", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

func (r repo) commit(tags ...string) {
	r.t.Helper()
	r.git("commit", "-q", "--allow-empty", "-m", "change")
	for _, tag := range tags {
		r.git("tag", tag)
	}
}

func (r repo) version() Version { return Read(r.t.Context(), r.dir) }

func TestVersionOfACommit(t *testing.T) {
	for name, c := range map[string]struct {
		commits [][]string // the tags of each
		want    string
	}{
		"on the tag":                      {[][]string{{"v1.4.0"}}, "1.4.0"},
		"on a tag without v":              {[][]string{{"1.4.0"}}, "1.4.0"},
		"on several tags, the highest":    {[][]string{{"v1.9.0", "v1.10.0", "v1.10.0-rc.1"}}, "1.10.0"},
		"on a tag that is no version":     {[][]string{{"v1.4.0"}, {"nightly", "v2"}}, "1.5.0-SNAPSHOT"},
		"after the tag":                   {[][]string{{"v1.4.0"}, nil, nil}, "1.5.0-SNAPSHOT"},
		"after a patch":                   {[][]string{{"v1.4.0"}, {"v1.4.3"}, nil}, "1.5.0-SNAPSHOT"},
		"after two tags on one commit":    {[][]string{{"v1.9.0", "v1.10.0"}, nil}, "1.11.0-SNAPSHOT"},
		"after a tag that is no version":  {[][]string{{"v1.4.0"}, {"v9-junk"}, nil}, "1.5.0-SNAPSHOT"},
		"after the nearest, not the most": {[][]string{{"v9.0.0"}, {"v1.4.0"}, nil}, "1.5.0-SNAPSHOT"},
		"after a candidate":               {[][]string{{"v1.4.0"}, {"v1.5.0-rc.1"}, nil}, "1.5.0-SNAPSHOT"},
		"without a tag":                   {[][]string{nil}, "0.1.0-SNAPSHOT"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			for _, tags := range c.commits {
				r.commit(tags...)
			}
			require.Equal(t, c.want, r.version().Version)
		})
	}
}

func TestVersionTellsOfTheCheckout(t *testing.T) {
	r := newRepo(t)
	r.commit("v1.4.0")
	r.git("remote", "add", "origin", "https://ci:token@git.example/team/shop.git")
	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "deploy"), 0o755))

	v := Read(t.Context(), filepath.Join(r.dir, "deploy"))
	revision := r.git("rev-parse", "HEAD")
	require.Equal(t, Version{
		Version: "1.4.0", Revision: revision, Short: revision[:7], Source: "https://git.example/team/shop.git",
		Committed: v.Committed,
	}, v)
	require.True(t, v.Committed.Equal(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)), v.Committed)
	require.Equal(t, "1.4.0-"+revision[:7], v.Release())
	require.Equal(t, []string{"TEAL_RELEASE=1.4.0-" + revision[:7], "TEAL_VERSION=1.4.0", "TEAL_REVISION=" + revision}, v.Variables())
}

func TestVersionOfAnAnnotatedTag(t *testing.T) {
	r := newRepo(t)
	r.commit()
	r.git("tag", "-a", "-m", "release", "v2.0.0")
	require.Equal(t, "2.0.0", r.version().Version)
	r.commit()
	require.Equal(t, "2.1.0-SNAPSHOT", r.version().Version)
}

func TestVersionIsDirtyWhenATrackedFileChanged(t *testing.T) {
	r := newRepo(t)
	file := filepath.Join(r.dir, "main.go")
	require.NoError(t, os.WriteFile(file, []byte("one"), 0o644))
	r.git("add", "main.go")
	r.commit("v1.0.0")
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "report.xml"), nil, 0o644))
	require.False(t, r.version().Dirty)
	require.NoError(t, os.WriteFile(file, []byte("two"), 0o644))
	v := r.version()
	require.True(t, v.Dirty)
	require.Equal(t, "1.0.0-"+v.Short+"-dirty", v.Release())
}

func TestVersionInTheClonesOfPipelines(t *testing.T) {
	origin := newRepo(t)
	origin.commit("v1.4.0")
	origin.commit()
	head := origin.git("rev-parse", "HEAD")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"shallow, without the tag":      {[]string{"--depth=1"}, "0.1.0-SNAPSHOT"},
		"shallow, but not too much":     {[]string{"--depth=2"}, "1.5.0-SNAPSHOT"},
		"detached, shallow, at the tag": {[]string{"--depth=1", "--branch=v1.4.0"}, "1.4.0"},
		"without tags":                  {[]string{"--no-tags"}, "0.1.0-SNAPSHOT"},
	} {
		t.Run(name, func(t *testing.T) {
			r := repo{t: t, dir: t.TempDir()}
			r.git(append(append([]string{"-c", "advice.detachedHead=false", "clone", "-q"}, c.args...), "file://"+origin.dir, ".")...)
			r.git("checkout", "-q", "--detach")
			v := r.version()
			require.Equal(t, c.want, v.Version)
			if c.want != "1.4.0" {
				require.Equal(t, head, v.Revision)
			}
			require.False(t, v.Committed.IsZero())
			require.Empty(t, v.Source, "a folder is no source")
		})
	}
}

func TestVersionWhereThereIsNone(t *testing.T) {
	require.Zero(t, Read(t.Context(), t.TempDir()))
	require.Empty(t, Version{}.Release())
	require.Empty(t, Version{}.Variables())
	r := repo{t: t, dir: t.TempDir()}
	r.git("init", "-q")
	require.Zero(t, r.version(), "no commit yet")
	require.Zero(t, Read(t.Context(), filepath.Join(r.dir, "nowhere")))
}

func TestWhatTheEnvironmentSaysCountsMore(t *testing.T) {
	v := Version{Version: "1.4.0", Revision: "0a1b2c3d", Short: "0a1b2c3"}
	environ := []string{"PATH=/bin", "TEAL_RELEASE=", "TEAL_VERSION=mine", "EMPTY="}
	require.Equal(t, []string{
		"TEAL_RELEASE=1.4.0-0a1b2c3", "TEAL_VERSION=1.4.0", "TEAL_REVISION=0a1b2c3d", "PATH=/bin", "TEAL_VERSION=mine", "EMPTY=",
	}, v.Environ(environ, ""), "the last of a name counts")
	require.Equal(t, environ, Version{}.Environ(environ, ""))
}

func TestNameThatIsAskedForCountsMost(t *testing.T) {
	v := Version{Version: "1.4.0", Revision: "0a1b2c3d", Short: "0a1b2c3"}
	all := v.Environ([]string{"TEAL_RELEASE=mine"}, "2.0.0+7")
	require.Equal(t, "TEAL_RELEASE=2.0.0_7", all[len(all)-1], "fit for an image's tag")
	require.Equal(t, []string{"TEAL_RELEASE=2"}, Version{}.Environ(nil, "2"))
}

func TestReleaseIsLegalEverywhere(t *testing.T) {
	dockerTag := regexp.MustCompile(`^[\w][\w.-]{0,127}$`)
	for _, tag := range []string{"1.4.0", "1.4.0-rc.1", "1.4.0+build.7", "1.4.0-" + strings.Repeat("a", 94)} {
		parsed, ok := parseSemver(tag)
		require.True(t, ok, tag)
		v := Version{Version: parsed.text, Revision: strings.Repeat("0", 40), Short: "0000000", Dirty: true}
		require.Regexp(t, dockerTag, v.Release())
		require.True(t, servicefile.IsRelease(v.Release()), v.Release())
		require.Regexp(t, dockerTag, strings.TrimPrefix(v.Variables()[1], "TEAL_VERSION="))
	}
}

func TestSourceHoldsNoCredentials(t *testing.T) {
	for remote, want := range map[string]string{
		"https://git.example/shop.git":               "https://git.example/shop.git",
		"https://ci:token@git.example/shop.git":      "https://git.example/shop.git",
		"https://token@git.example/shop.git?key=x#y": "https://git.example/shop.git",
		"ssh://git@git.example:2222/team/shop.git":   "ssh://git@git.example:2222/team/shop.git",
		"ssh://git:secret@git.example/team/shop.git": "ssh://git@git.example/team/shop.git",
		"git@git.example:team/shop.git":              "git@git.example:team/shop.git",
		"git.example:team/shop.git":                  "git.example:team/shop.git",
		"/srv/git/shop.git":                          "",
		"../shop.git":                                "",
		"./odd:name":                                 "",
		`C:\git\shop`:                                "",
		"file:///srv/git/shop.git":                   "",
		"https://%zz@git.example/":                   "",
		"":                                           "",
	} {
		require.Equal(t, want, sourceURL(remote), "%q", remote)
	}
}
