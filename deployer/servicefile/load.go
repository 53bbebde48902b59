package servicefile

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// Extension is the top-level key of a compose file that holds what Teal adds.
const Extension = "x-teal"

const maxSpecSize = 4 << 20

// Load reads a service file: a plain Compose file with a top-level x-teal.
// Variables come from environ, in the form of os.Environ, and from a file .env
// beside it, as Compose does it. A secret or config that can't be read is told in
// the Missing of the environments that need it. What is wrong with the file is a *SpecError.
func Load(ctx context.Context, path string, environ []string) (*Spec, error) {
	spec, _, err := load(ctx, path, environ)
	return spec, err
}

// load is Load, and what environments miss with where the file says so.
func load(ctx context.Context, path string, environ []string) (*Spec, []Issue, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, fmt.Errorf("find the service file: %w", err)
	}
	data, err := readSpec(path)
	if err != nil {
		return nil, nil, err
	}
	variables, err := variablesFor(filepath.Dir(path), environ)
	if err != nil {
		return nil, nil, err
	}
	return parse(ctx, path, data, variables)
}

func readSpec(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the service file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSpecSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the service file: %w", err)
	}
	if len(data) > maxSpecSize {
		return nil, fmt.Errorf("read the service file: %s is larger than %d MB; it can't be a service file", path, maxSpecSize>>20)
	}
	return data, nil
}

// variablesFor is the environment with what .env adds to it.
func variablesFor(dir string, environ []string) (map[string]string, error) {
	variables := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			variables[name] = value
		}
	}
	file := filepath.Join(dir, ".env")
	if _, err := os.Stat(file); err != nil {
		return variables, nil
	}
	more, err := dotenv.GetEnvFromFile(variables, []string{file})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	for name, value := range more {
		if _, ok := variables[name]; !ok {
			variables[name] = value
		}
	}
	return variables, nil
}

// parse understands a service file. Only what the file itself points at is read
// from disk: env_file, label_file, extends, include, secrets and configs.
func parse(ctx context.Context, path string, data []byte, variables map[string]string) (*Spec, []Issue, error) {
	src, err := parseSource(data)
	if err != nil {
		return nil, nil, &SpecError{Issues: []Issue{yamlIssue(path, err)}}
	}
	r := &reader{file: path, source: src, variables: variables}
	r.unknownComposeKeys()
	project, err := loadProject(ctx, path, data, variables)
	if err != nil {
		if len(r.issues) == 0 { // else Compose stumbled over the same
			r.composeError(err)
		}
		r.unknownExtensionKeys()
		return nil, nil, &SpecError{Issues: inLineOrder(r.issues)}
	}
	spec := &Spec{Path: path, Parts: r.parts(project)}
	r.extension(spec, project)
	r.files(spec, project)
	spec.Warnings = inLineOrder(r.warnings)
	if len(r.issues) > 0 {
		return nil, nil, &SpecError{Issues: inLineOrder(r.issues)}
	}
	return spec, inLineOrder(r.missing), nil
}

func loadProject(ctx context.Context, path string, data []byte, variables map[string]string) (*types.Project, error) {
	env := types.Mapping{}
	for k, v := range variables {
		env[k] = v
	}
	dir := filepath.Dir(path)
	details := types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: data}},
		Environment: env,
	}
	return loader.LoadWithContext(ctx, details, func(o *loader.Options) {
		o.SkipConsistencyCheck = true // parts says the same with line numbers
		o.SetProjectName(fallbackName(dir), false)
	})
}

// fallbackName is what Compose calls a project whose file does not say.
func fallbackName(dir string) string {
	if name := loader.NormalizeProjectName(filepath.Base(dir)); name != "" {
		return name
	}
	return "project"
}

// yamlPosition is how the YAML library tells where an error is.
var yamlPosition = regexp.MustCompile(`line (\d+)(, column \d+)?: `)

// yamlIssue is a file that is no YAML, with the line where that shows.
func yamlIssue(path string, err error) Issue {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	issue := Issue{File: path, Message: "the file is no YAML: " + text}
	at := yamlPosition.FindAllStringSubmatchIndex(text, -1)
	if len(at) == 0 {
		return issue
	}
	last := at[len(at)-1]
	issue.Line, _ = strconv.Atoi(text[last[2]:last[3]]) // digits, as the pattern says
	if strings.HasPrefix(text, "while parsing") {
		issue.Line++ // the library's scanner counts lines from 1, its parser from 0
	}
	issue.Message = "the file is no YAML: " + text[last[1]:] + "; look at this line and the one before"
	return issue
}

// composePath is how Compose names a place of the file in its errors.
var composePath = regexp.MustCompile(`\b(services|volumes|networks|secrets|configs|x-teal)(\.[\w-]+)+`)

// composeError is what Compose can't read, with the line where that can be told.
func (r *reader) composeError(err error) {
	message := strings.TrimPrefix(err.Error(), "validating "+r.file+": ")
	var path []string
	if place := composePath.FindString(message); place != "" {
		path = strings.Split(place, ".")
	}
	r.complain(path, "Compose can't read the file: %s", message)
}
