// Package revision tells what is checked out, as git has it, and what a build of
// it is called: its version by the tags (semver.org), the name of its release, and
// the variables that a service file may refer to. It runs git and changes nothing.
package revision

import (
	"context"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const gitTimeout = 5 * time.Second

// Version is what git says that a checkout is; the zero Version where there is
// no git, or no commit.
type Version struct {
	// Version is the tag of the commit without a leading v, such as "1.4.0".
	// Between two tags it is the next minor one, "1.5.0-SNAPSHOT".
	Version   string
	Revision  string    // the commit
	Short     string    // the first shortCommit digits of it
	Committed time.Time // when the commit was made
	// Dirty tells that files which git knows are not as they were committed. Others,
	// such as reports that a pipeline leaves, don't count.
	Dirty bool
	// Source is where the origin lies, without credentials; empty where that is a
	// folder.
	Source string
}

const (
	shortCommit  = 7
	dirtySuffix  = "-dirty"
	snapshot     = "-SNAPSHOT"
	firstVersion = "0.1.0" // that is worked on where there is no tag
)

// Release is what a build of the version is called, always with the commit:
// "1.4.0-0a1b2c3". It is legal as a release's id and as a Docker tag; empty for
// the zero Version.
func (v Version) Release() string {
	if v.Revision == "" {
		return ""
	}
	id := v.tagged() + "-" + v.Short
	if v.Dirty {
		id += dirtySuffix
	}
	return id
}

// tagged is the version as a Docker tag may say it, which can't hold a plus.
func (v Version) tagged() string { return tagged(v.Version) }

func tagged(text string) string { return strings.ReplaceAll(text, "+", "_") }

const releaseVariable = "TEAL_RELEASE"

// Commit is the revision, marked where files are not as it has them.
func (v Version) Commit() string {
	if v.Dirty {
		return v.Revision + dirtySuffix
	}
	return v.Revision
}

// Variables are what a service file may refer to, in the form of os.Environ:
// TEAL_RELEASE, TEAL_VERSION and TEAL_REVISION. There are none for the zero
// Version.
func (v Version) Variables() []string {
	if v.Revision == "" {
		return nil
	}
	return []string{releaseVariable + "=" + v.Release(), "TEAL_VERSION=" + v.tagged(), "TEAL_REVISION=" + v.Revision}
}

// Environ is an environment with the Variables added. What it sets to something
// counts more; nothing is what Compose and pipelines make of what is not set. A
// name that the release is asked to have counts more than both, and is empty where
// it is not.
func (v Version) Environ(environ []string, release string) []string {
	own := v.Variables()
	said := slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		return value == "" && slices.ContainsFunc(own, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	})
	all := append(own, said...)
	if release != "" {
		all = append(all, releaseVariable+"="+tagged(release))
	}
	return all
}

// Read is what is checked out in dir, as git tells. It works in detached and
// shallow clones: tags that are not there don't count. Git is given five seconds
// in all; what it has not told by then is missing.
func Read(ctx context.Context, dir string) Version {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	c := checkout(dir)
	v := Version{Revision: c.git(ctx, "rev-parse", "--verify", "--quiet", "HEAD")}
	if v.Revision == "" {
		return Version{}
	}
	v.Short = v.Revision[:shortCommit]
	v.Committed, _ = time.Parse(time.RFC3339, c.git(ctx, "show", "--no-patch", "--no-show-signature", "--format=%cI", v.Revision))
	v.Dirty = c.git(ctx, "--no-optional-locks", "status", "--porcelain", "--untracked-files=no") != ""
	v.Source = sourceURL(c.git(ctx, "config", "--get", "remote.origin.url"))
	v.Version = c.version(ctx, v.Revision)
	return v
}

// checkout is a folder that may lie in one.
type checkout string

// git is what a git command says, without space around it; empty when it fails.
func (c checkout) git(ctx context.Context, args ...string) string {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = string(c)
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// version is the highest version that the commit is tagged with, else the one
// that follows the nearest tag before it.
func (c checkout) version(ctx context.Context, commit string) string {
	if tag, ok := highest(c.lines(ctx, "tag", "--points-at", commit)); ok {
		return tag.text
	}
	nearest, ok := c.nearest(ctx, commit)
	if !ok {
		return firstVersion + snapshot
	}
	return nearest.nextMinor() + snapshot
}

// nearest is the version with the fewest commits since.
func (c checkout) nearest(ctx context.Context, commit string) (semver, bool) {
	describe := []string{"describe", "--tags", "--abbrev=0"}
	for _, tag := range c.lines(ctx, "tag", "--merged", commit) {
		if _, ok := parseSemver(tag); ok {
			describe = append(describe, "--match="+tag)
		}
	}
	if len(describe) == 3 {
		return semver{}, false
	}
	tag := c.git(ctx, append(describe, commit)...)
	return highest(c.lines(ctx, "tag", "--points-at", "refs/tags/"+tag+"^{commit}"))
}

func (c checkout) lines(ctx context.Context, args ...string) []string {
	return strings.Fields(c.git(ctx, args...)) // names of tags hold no space
}

// highest is the highest version among tags; false where none is a version.
func highest(tags []string) (semver, bool) {
	var versions []semver
	for _, tag := range tags {
		if v, ok := parseSemver(tag); ok {
			versions = append(versions, v)
		}
	}
	if len(versions) == 0 {
		return semver{}, false
	}
	return slices.MaxFunc(versions, semver.compare), true
}

// sourceURL is a remote's address without what may be secret in it: passwords,
// the user where it may be a token, and the query. It is pure.
func sourceURL(remote string) string {
	if !strings.Contains(remote, "://") {
		host, _, isHost := strings.Cut(remote, ":") // git@host:path, as ssh writes it
		if !isHost || strings.ContainsAny(host, `/\`) || len(host) < 2 {
			return ""
		}
		return remote
	}
	u, err := url.Parse(remote)
	if err != nil || u.Host == "" {
		return ""
	}
	user := u.User.Username()
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	if u.Scheme == "ssh" && user != "" {
		u.User = url.User(user)
	}
	return u.String()
}
