package servicefile

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// Lint is what is to be said of a service file.
type Lint struct {
	File         string   `json:"file"`
	Service      string   `json:"service,omitempty"`
	Environments []string `json:"environments,omitempty"`
	Problems     []Issue  `json:"problems"` // why it can't be deployed; none when it is sound
	Warnings     []Issue  `json:"warnings"` // what is asked for and will not be done
}

// lintVariables stand for those that are set when a release is known, unless they
// are set already.
var lintVariables = []string{"TEAL_RELEASE=lint", "TEAL_REVISION=lint", "TEAL_VERSION=lint"}

// LintFile reads a service file as a deployment does and tells all that is wrong
// with it. The error is of reading the file, never of what it says.
func LintFile(ctx context.Context, path string, environ []string) (Lint, error) {
	said := Lint{File: path, Problems: []Issue{}, Warnings: []Issue{}}
	spec, missing, err := load(ctx, path, slices.Concat(lintVariables, environ))
	var wrong *SpecError
	switch {
	case errors.As(err, &wrong):
		said.Problems = wrong.Issues
	case err != nil:
		return Lint{}, err
	default:
		said.Service = spec.Service
		said.Environments = slices.Sorted(maps.Keys(spec.Environments))
		said.Warnings = append(said.Warnings, inLineOrder(slices.Concat(spec.Warnings, missing))...)
	}
	return said, nil
}

// Err is a *SpecError with the problems, or nil when there are none.
func (l Lint) Err() error {
	if len(l.Problems) == 0 {
		return nil
	}
	return &SpecError{Issues: l.Problems}
}
