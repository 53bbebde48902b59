package catalog

import (
	"fmt"
	"net/url"
	"strings"
)

// The schemes that endpoints of Docker engines may have, as the Docker command
// line has them.
const (
	SchemeUnix = "unix"
	SchemeTCP  = "tcp"
	SchemeSSH  = "ssh"
)

// DemoScheme begins the endpoints of hosts that `teal demo` and `teal dev` stand
// in for. No engine is there.
const DemoScheme = "process://"

// CheckEndpoint is why an endpoint can't lead to a Docker engine, with what to
// write instead, or nil. Passwords are not in it. It is pure.
func CheckEndpoint(endpoint string) error {
	scheme, rest, ok := strings.Cut(endpoint, "://")
	if !ok || rest == "" {
		return fmt.Errorf("%q is not a Docker endpoint; write it like unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host", withoutUser(endpoint))
	}
	var wrong string
	switch scheme {
	case SchemeUnix:
		wrong = wrongSocket(rest)
	case SchemeTCP, SchemeSSH:
		wrong = wrongAddress(endpoint)
	default:
		wrong = fmt.Sprintf("unknown scheme %q; use unix://, tcp:// or ssh://", scheme)
	}
	if wrong != "" {
		return fmt.Errorf("Docker endpoint %s: %s", withoutUser(endpoint), wrong)
	}
	return nil
}

// withoutUser is an endpoint without what may hold a password.
func withoutUser(endpoint string) string {
	scheme, rest, _ := strings.Cut(endpoint, "://")
	if n := strings.LastIndex(rest, "@"); n >= 0 && scheme != SchemeUnix {
		return scheme + "://…" + rest[n:]
	}
	return endpoint
}

func wrongSocket(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "a socket's path begins with a slash; write it like unix:///var/run/docker.sock"
	}
	return ""
}

func wrongAddress(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "it is no address; write it like tcp://host:2376 or ssh://user@host"
	}
	_, hasPassword := u.User.Password()
	switch {
	case hasPassword:
		return "it holds a password, which is not taken from there; use a key of ssh, or TLS certificates"
	case u.Hostname() == "":
		return "it names no host; write it like tcp://host:2376 or ssh://user@host"
	case u.RawQuery != "" || u.Fragment != "":
		return "it has more than a host, a port and a path; take out what begins with ? or #"
	}
	return ""
}
