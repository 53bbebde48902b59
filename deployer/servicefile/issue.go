package servicefile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Issue is one thing that is wrong with a service file, or that Teal will not do
// as the file says.
type Issue struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // 0 when it is about the whole file
	Message string `json:"message"`
}

// String is the issue on one line, as editors and pipelines like to link it.
func (i Issue) String() string {
	if i.Line == 0 {
		return fmt.Sprintf("%s: %s", i.File, i.Message)
	}
	return fmt.Sprintf("%s:%d: %s", i.File, i.Line, i.Message)
}

// SpecError is everything that is wrong with a service file, in line order.
type SpecError struct {
	Issues []Issue
}

// Error is one issue a line.
func (e *SpecError) Error() string {
	lines := make([]string, len(e.Issues))
	for n, i := range e.Issues {
		lines[n] = i.String()
	}
	return strings.Join(lines, "\n")
}

// inLineOrder sorts issues and drops repeated ones.
func inLineOrder(issues []Issue) []Issue {
	slices.SortStableFunc(issues, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(issues)
}
