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
	if name, ok := plainHost(host); ok {
		return name, true
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

// plainHost is lowerHost in one go for the hosts that nearly all requests have: a
// name in lower case or an IPv4 address, with or without a port. It is false for
// others.
func plainHost(host string) (string, bool) {
	end := len(host)
	for i := range len(host) {
		c := host[i]
		if c == ':' && end == len(host) {
			end = i
		} else if c == ':' || c == '[' || (c >= 'A' && c <= 'Z') {
			return "", false
		}
	}
	return host[:end], end > 0 && end <= maxHost && host[end-1] != '.'
}

func endsInDigit(host string) bool {
	return host != "" && host[len(host)-1] >= '0' && host[len(host)-1] <= '9'
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
