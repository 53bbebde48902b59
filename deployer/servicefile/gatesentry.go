package servicefile

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/distribution/reference"
)

// smoke reads the smoke tests.
func (f field) smoke() []Smoke {
	var all []Smoke
	for _, one := range f.mappings("path", "status", "body", "within", "header") {
		x := one.fields
		test := Smoke{
			Path: x["path"].text(), Status: x["status"].number(200, 599, 0),
			Within: x["within"].duration(time.Millisecond, 0), Header: x["header"].headers(),
		}
		test.Body, test.Pattern = x["body"].bodyWanted()
		switch _, err := url.ParseRequestURI(test.Path); {
		case test.Path == "":
			one.complain("%s has no path; add the one to ask, such as path: /", one.name())
		case !strings.HasPrefix(test.Path, "/") || err != nil || strings.Contains(test.Path, "#"):
			x["path"].complain("%s must be a path that begins with a slash, such as /login, and is %q", x["path"].name(), test.Path)
		}
		all = append(all, test)
	}
	return all
}

// bodyWanted reads what shall be in a body: a text, or a pattern between slashes.
func (f field) bodyWanted() (string, *regexp.Regexp) {
	text := f.text()
	if len(text) < 3 || !strings.HasPrefix(text, "/") || !strings.HasSuffix(text, "/") {
		return text, nil
	}
	pattern, err := regexp.Compile(text[1 : len(text)-1])
	if err != nil {
		f.complain("%s is no regular expression: %v; mend it, or leave out the slashes for a plain text", f.name(), err)
	}
	return "", pattern
}

// headers reads header fields to send. What they hold may be secret and is never
// told.
func (f field) headers() map[string]string {
	var all map[string]string
	entries := f.entries()
	for _, name := range entries.keys() {
		value := entries[name]
		switch text := value.text(); {
		case name == "" || strings.ContainsFunc(name, notTokenRune):
			value.complain("%q can't name a header; write letters, digits and hyphens", name)
		case http.CanonicalHeaderKey(name) == "Host":
			value.complain("%s can't be set, as the tests name the target in the path; take it out", value.name())
		case strings.ContainsFunc(text, unicode.IsControl):
			value.complain("%s has characters that no header can hold, such as an end of line; take them out", value.name())
		default:
			if all == nil {
				all = map[string]string{}
			}
			all[http.CanonicalHeaderKey(name)] = text
		}
	}
	return all
}

// outsideGates reads the gates that others keep.
func (f field) outsideGates() []OutsideGate {
	var all []OutsideGate
	for _, one := range f.mappings("name", "url", "field", "timeout", "token") {
		x := one.fields
		gate := OutsideGate{
			Name: x["name"].text(), URL: x["url"].gateURL(), Field: x["field"].text(),
			Timeout: x["timeout"].duration(time.Millisecond, DefaultGateTimeout), Token: x["token"].variableName("the token", "GATE_TOKEN"),
		}
		switch {
		case gate.Name == "":
			one.complain("%s has no name; add one to tell it by, such as name: quality", one.name())
		case slices.ContainsFunc(all, func(g OutsideGate) bool { return g.Name == gate.Name }):
			x["name"].complain("there are two gates named %q; give each a name of its own", gate.Name)
		}
		if x["url"].value == nil {
			one.complain("%s has no url; add the one that answers whether the release may go on", one.name())
		}
		if gate.Field == "" || slices.Contains(strings.Split(gate.Field, "."), "") {
			one.complain("%s needs field, the name of what must be true in the JSON of the answer, such as passed or result.passed", one.name())
		}
		if gate.Token != "" && strings.HasPrefix(gate.URL, "http://") {
			f.reader.warn(x["url"].path, "the token of gate %s is sent without TLS; use https where the gate has it", gate.Name)
		}
		all = append(all, gate)
	}
	return all
}

// gateURL reads an address. As it may hold secrets it is not told.
func (f field) gateURL() string {
	text := f.text()
	if f.value == nil {
		return ""
	}
	switch u, err := url.Parse(text); {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		f.complain("%s is no address of the web; write one such as https://quality.example/api/gate", f.name())
	case u.User != nil:
		f.complain("%s has a user in it, who would be seen by all; name a variable that holds a token with token", f.name())
	default:
		return text
	}
	return ""
}

var variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variableName reads the name of an environment variable that holds something.
// What is none may be the secret itself and is not told.
func (f field) variableName(holds, example string) string {
	name := f.text()
	if name != "" && !variablePattern.MatchString(name) {
		f.complain("%s must be the name of the environment variable that holds %s, such as %s, and never %s itself", f.name(), holds, example, holds)
		return ""
	}
	return name
}

// testCommand reads the command to run: nil where nothing is said, a zero one for
// none. In a container the image may know itself what to run.
func (f field) testCommand() *TestCommand {
	switch {
	case f.value == nil:
		return nil
	case f.isNone():
		return &TestCommand{}
	}
	x := f.mapping("command", "image", "timeout")
	test := TestCommand{Image: x["image"].imageName(), Timeout: x["timeout"].duration(time.Millisecond, DefaultTestTimeout)}
	if x["image"].value == nil || x["command"].value != nil {
		test.Command = f.command(x["command"], "[make, smoke]")
	}
	if test.None() {
		return nil // that is told
	}
	return &test
}

// imageName reads the name of an image.
func (f field) imageName() string {
	name := f.text()
	if name == "" {
		return ""
	}
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		f.complain("%s can't be an image: %v; write one such as registry.example/tests:1.0.0", f.name(), err)
		return ""
	}
	return name
}
