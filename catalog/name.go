package catalog

import (
	"fmt"
	"strings"
)

// maxLabel is the longest label of a host name (RFC 1035, section 2.3.4).
const maxLabel = 63

// CheckName says why a service, environment or alias may not be called name.
// Names become labels of host names and parts of Consul keys, so they are
// lower-case letters, digits and hyphens (RFC 1123, section 2.1).
func CheckName(kind, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the %s has no name; give it one of lower-case letters, digits and hyphens", kind)
	case len(name) > maxLabel:
		return fmt.Errorf("%s %q has %d characters; a host name label holds at most %d", kind, name, len(name), maxLabel)
	case strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-"):
		return fmt.Errorf("%s %q begins or ends with a hyphen; write it without", kind, name)
	case strings.ContainsFunc(name, notNameRune):
		return fmt.Errorf("%s %q may hold only lower-case letters, digits and hyphens", kind, name)
	}
	return nil
}

func notNameRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}
