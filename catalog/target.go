package catalog

import (
	"fmt"
	"strings"
)

// Target is one coloured deployment of a service in an environment, written
// "blue-production"; without a colour it is the environment alone.
type Target struct {
	Colour      Colour
	Environment string
}

// String is the text form that ParseTarget reads.
func (t Target) String() string {
	if t.Colour == "" {
		return t.Environment
	}
	return string(t.Colour) + "-" + t.Environment
}

// IsZero tells whether t names nothing.
func (t Target) IsZero() bool { return t == Target{} }

// MarshalText writes the text form, so that targets may be JSON map keys.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the text form; the errors are those of ParseTarget. An
// empty text is the zero target.
func (t *Target) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*t = Target{}
		return nil
	}
	*t, err = ParseTarget(string(b))
	return err
}

// ParseTarget reads "green-production" or "integration".
func ParseTarget(s string) (Target, error) {
	s = strings.TrimSpace(s)
	for _, c := range []Colour{Blue, Green} {
		if env, ok := strings.CutPrefix(s, string(c)+"-"); ok {
			t := Target{Colour: c, Environment: env}
			return t, CheckEnvironment(env)
		}
	}
	return Target{Environment: s}, CheckEnvironment(s)
}

// CheckEnvironment says why env can't name an environment. Beyond CheckName, it
// may not begin like a coloured target: "blue-x" would then mean two things.
func CheckEnvironment(env string) error {
	if err := CheckName("environment", env); err != nil {
		return err
	}
	for _, c := range []Colour{Blue, Green} {
		if env == string(c) || strings.HasPrefix(env, string(c)+"-") {
			return fmt.Errorf("environment %q begins with a colour; a target is written like %s-production", env, c)
		}
	}
	return nil
}
