package router

import (
	"strings"
	"unsafe"
)

// maxHost is the longest host name (RFC 1035, section 2.3.4).
const maxHost = 253

// bareHost takes the port and a closing dot off a Host header. Letters keep
// their case.
func bareHost(host string) string {
	if strings.HasPrefix(host, "[") {
		if end := strings.IndexByte(host, ']'); end > 0 {
			return host[1:end]
		}
		return host
	}
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && strings.IndexByte(host, ':') == colon {
		host = host[:colon]
	}
	return strings.TrimSuffix(host, ".")
}

// lowerHost is the bare host in lower case. It uses buf where a letter must
// change, so that nothing is allocated; the result is good as long as buf is. It
// is false for what is too long for a name.
func lowerHost(host string, buf *[maxHost]byte) (string, bool) {
	if isBareLower(host) {
		return host, true // as nearly all are
	}
	host = bareHost(host)
	if len(host) > maxHost {
		return "", false
	}
	if !hasUpper(host) {
		return host, true
	}
	for i := range len(host) {
		buf[i] = lower(host[i])
	}
	return unsafe.String(&buf[0], len(host)), true
}

// isBareLower tells in one go whether a host is what lowerHost would make of it.
func isBareLower(host string) bool {
	if host == "" || len(host) > maxHost || host[0] == '[' || host[len(host)-1] == '.' {
		return false
	}
	for i := range len(host) {
		if c := host[i]; c == ':' || (c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

func hasUpper(s string) bool {
	for i := range len(s) {
		if s[i] != lower(s[i]) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
