package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxWeight bounds one share of a split, so that sums never overflow.
const MaxWeight = 1_000_000

// Share is one target's part of a split.
type Share struct {
	Target Target
	Weight int // relative to the sum of all weights; 0 sends nothing there
}

// AliasValue is what an alias points at: one target, or a weighted split of
// several. Shares keep the order they were written in.
type AliasValue struct {
	Shares []Share
}

// Alias is a stable name of a service and what it points at.
type Alias struct {
	Name  string
	Value AliasValue
	// Index is the key's ModifyIndex, the handle of a compare-and-set; 0 means
	// that no key exists and the alias is the implied one of an uncoloured
	// environment.
	Index uint64
}

// PointTo is the value that sends everything to one target.
func PointTo(t Target) AliasValue { return AliasValue{Shares: []Share{{Target: t, Weight: 1}}} }

// ParseAliasValue reads "green-production" or
// "green-production=10,blue-production=90". White space around parts is
// ignored, as editors and shells add line ends.
func ParseAliasValue(s string) (AliasValue, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return AliasValue{}, fmt.Errorf("the alias is empty; write a target such as green-production")
	}
	if !strings.ContainsAny(s, ",=") {
		t, err := ParseTarget(s)
		return PointTo(t), err
	}
	return parseSplit(s)
}

func parseSplit(s string) (AliasValue, error) {
	var v AliasValue
	total := 0
	for part := range strings.SplitSeq(s, ",") {
		share, err := parseShare(part)
		if err != nil {
			return AliasValue{}, err
		}
		if v.Has(share.Target) {
			return AliasValue{}, fmt.Errorf("the split names %s twice; give it one weight", share.Target)
		}
		total += share.Weight
		v.Shares = append(v.Shares, share)
	}
	if total == 0 {
		return AliasValue{}, fmt.Errorf("the weights of %q sum to 0; at least one target needs a weight", s)
	}
	return v, nil
}

func parseShare(s string) (Share, error) {
	name, weight, ok := strings.Cut(s, "=")
	if !ok {
		return Share{}, fmt.Errorf("%q has no weight; write a split as green-production=10,blue-production=90", strings.TrimSpace(s))
	}
	t, err := ParseTarget(name)
	if err != nil {
		return Share{}, err
	}
	w, err := strconv.Atoi(strings.TrimSpace(weight))
	if err != nil || w < 0 || w > MaxWeight {
		return Share{}, fmt.Errorf("weight %q of %s is not a whole number from 0 to %d", strings.TrimSpace(weight), t, MaxWeight)
	}
	return Share{Target: t, Weight: w}, nil
}

// String is the text form that ParseAliasValue reads.
func (v AliasValue) String() string {
	if t, ok := v.Single(); ok {
		return t.String()
	}
	parts := make([]string, len(v.Shares))
	for i, s := range v.Shares {
		parts[i] = s.Target.String() + "=" + strconv.Itoa(s.Weight)
	}
	return strings.Join(parts, ",")
}

// MarshalText writes the text form.
func (v AliasValue) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads the text form; an empty text is the zero value.
func (v *AliasValue) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*v = AliasValue{}
		return nil
	}
	*v, err = ParseAliasValue(string(b))
	return err
}

// IsZero tells whether v points at nothing.
func (v AliasValue) IsZero() bool { return len(v.Shares) == 0 }

// Single is the one target of a value that is no split. A split that gives a
// single target weight 1 and names no other is the same as that target.
func (v AliasValue) Single() (Target, bool) {
	if len(v.Shares) == 1 && v.Shares[0].Weight == 1 {
		return v.Shares[0].Target, true
	}
	return Target{}, false
}

// Has tells whether v names t, with whatever weight.
func (v AliasValue) Has(t Target) bool {
	return slices.ContainsFunc(v.Shares, func(s Share) bool { return s.Target == t })
}

// Live lists the targets that get requests: those with a weight above 0.
func (v AliasValue) Live() []Target {
	var live []Target
	for _, s := range v.Shares {
		if s.Weight > 0 {
			live = append(live, s.Target)
		}
	}
	return live
}

// Sends tells whether t gets requests through v.
func (v AliasValue) Sends(t Target) bool { return slices.Contains(v.Live(), t) }

// Offline is the target of env that v sends nothing to: the one to deploy to.
// When v points at neither colour it is blue. It is refused while a split sends
// requests to both colours, since then no colour is offline.
func (v AliasValue) Offline(env string) (Target, error) {
	blue, green := Target{Blue, env}, Target{Green, env}
	switch {
	case v.Sends(blue) && v.Sends(green):
		return Target{}, fmt.Errorf("alias %s splits requests over both colours (%s), so none is offline; flip it to one colour first", env, v)
	case v.Sends(blue):
		return green, nil
	}
	return blue, nil
}
