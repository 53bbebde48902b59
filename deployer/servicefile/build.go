package servicefile

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Build is how a part's image is built, as Compose says it.
type Build struct {
	Context    string `json:"-"` // a folder, absolute: it differs from machine to machine
	Dockerfile string // its path from Context; empty for Docker's default
	Target     string // the stage; empty for the last
	Args       map[string]string
}

// SelfTest tries an image by itself, in a container without a network or anything
// else of its service, before it goes anywhere.
type SelfTest struct {
	Part    string   // whose image
	Command []string // instead of the image's own entrypoint and command
	Timeout time.Duration
}

// buildCarried are the keys of a build that Teal honours.
var buildCarried = []string{"context", "dockerfile", "target", "args"}

// buildRefused are those without which the image would not be what the file
// says, each with the way out.
var buildRefused = map[string]string{
	"dockerfile_inline":   "put it into a file beside the service file",
	"additional_contexts": "put what it needs into the context",
	"ssh":                 "fetch what needs a key before the build, and copy it in",
	"secrets":             "fetch what needs a secret before the build, and copy it in",
	"network":             "build with the engine's default network",
	"privileged":          "build without more rights",
	"entitlements":        "build without more rights",
}

// build reads how a part's image is built; nil where it is built elsewhere.
func (r *reader) build(s types.ServiceConfig) *Build {
	if s.Build == nil {
		return nil
	}
	path := []string{"services", s.Name, "build"}
	for _, key := range usedKeys(s.Build) {
		at := append(slices.Clone(path), key)
		if way, ok := buildRefused[key]; ok {
			r.complain(at, "the build of part %s has %s, which Teal does not carry over; %s", s.Name, key, way)
		} else if !slices.Contains(buildCarried, key) {
			r.warn(at, "the build of part %s has %s, which Teal does not carry over; it is built without", s.Name, key)
		}
	}
	if !filepath.IsAbs(s.Build.Context) { // Compose leaves only what is no folder as it is
		r.complain(append(path, "context"), "the build of part %s has the context %s, which is no folder; check it out beside the service file and name that", s.Name, s.Build.Context)
	}
	b := &Build{Context: s.Build.Context, Dockerfile: s.Build.Dockerfile, Target: s.Build.Target}
	for name, value := range s.Build.Args {
		if value == nil {
			continue // not set here, as Compose does it
		}
		if b.Args == nil {
			b.Args = map[string]string{}
		}
		b.Args[name] = *value
	}
	return b
}

// selfTest reads how a built image is tried by itself; nil where it is not.
func (f field) selfTest(spec *Spec) *SelfTest {
	if f.value == nil {
		return nil
	}
	x := f.mapping("part", "command", "timeout")
	test := SelfTest{
		Part:    x["part"].partOr(spec.Routed, spec.Parts),
		Timeout: x["timeout"].duration(time.Millisecond, DefaultTestTimeout),
	}
	if _, ok := f.value.(map[string]any); ok {
		test.Command = f.command(x["command"], "[/app, self-test]")
	}
	return &test
}
