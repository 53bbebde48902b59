package servicefile

import (
	"fmt"
	"strings"
)

// Tests names what a release must come through between its checks and the flip,
// in the order in which it does.
func (s *Spec) Tests() []string {
	var all []string
	for _, gate := range s.Gates.Outside {
		all = append(all, "gate "+gate.Name)
	}
	for _, t := range s.Tasks {
		all = append(all, "task "+t.Name)
	}
	switch n := len(s.Gates.Smoke); n {
	case 0:
	case 1:
		all = append(all, "1 smoke test")
	default:
		all = append(all, fmt.Sprintf("%d smoke tests", n))
	}
	if s.Gates.Test != nil {
		all = append(all, "test command "+s.Gates.Test.Name())
	}
	return all
}

// Course says what is done for a release that goes to env besides starting,
// checking and flipping, in the order in which it is, a sentence for each time.
// shared tells whether an old release is there for a canary to share requests with.
func (s *Spec) Course(env Environment, shared bool) []string {
	var course []string
	if s.SelfTest != nil {
		course = append(course, "before a deployment: the self-test, by `teal test` or `teal pipeline`")
	}
	before := s.Tests()
	if env.Approval != nil {
		before = append(before, fmt.Sprintf("somebody's approval within %s (then: %s)", env.Approval.Within, env.Approval.Then))
	}
	if len(before) > 0 {
		course = append(course, "before the flip: "+strings.Join(before, ", "))
	}
	if s.Canary != nil && shared {
		course = append(course, fmt.Sprintf("the flip: in steps of %s of the requests, watched for %s each but the last", percents(s.Canary.Steps), s.Canary.Pause))
	}
	if s.Bake != nil {
		course = append(course, fmt.Sprintf("after the flip: watched for %s", s.Bake.For))
	}
	return course
}

func percents(steps []int) string {
	all := make([]string, len(steps))
	for n, step := range steps {
		all[n] = fmt.Sprintf("%d %%", step)
	}
	return strings.Join(all, ", ")
}
