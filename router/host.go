package router

import "strings"

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

// byHost finds the entry of a host in any case, without allocating.
func byHost[V any](m map[string]V, host string) (v V, ok bool) {
	host = bareHost(host)
	if len(host) > maxHost {
		return v, false
	}
	if !hasUpper(host) {
		v, ok = m[host]
		return v, ok
	}
	var buf [maxHost]byte
	for i := range len(host) {
		buf[i] = lower(host[i])
	}
	v, ok = m[string(buf[:len(host)])] // the compiler makes no string of it
	return v, ok
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
