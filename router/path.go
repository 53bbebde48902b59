package router

import (
	"net/url"
	"strings"
)

// segmentEnd is where the segment that begins with the slash at at ends.
func segmentEnd(path string, at int) int {
	if n := strings.IndexByte(path[at+1:], '/'); n >= 0 {
		return at + 1 + n
	}
	return len(path)
}

// firstSegments is the part of an escaped path that holds its first n segments.
func firstSegments(path string, n int) string {
	at := 0
	for range n {
		if at >= len(path) {
			break
		}
		at = segmentEnd(path, at)
	}
	return path[:at]
}

// plainPath decodes an escaped path that decides a route. It is false for one
// that we and the service might read differently: with an empty or dot segment,
// an escaped slash, dot or backslash, or a broken escape.
func plainPath(path string) (string, bool) {
	if isPlain(path) {
		return path, true // as nearly all are
	}
	if path == "" || path[0] != '/' || strings.IndexByte(path, '\\') >= 0 || oddSegment(path) {
		return "", false
	}
	if strings.IndexByte(path, '%') < 0 {
		return path, true
	}
	for rest := path; ; {
		at := strings.IndexByte(rest, '%')
		if at < 0 {
			break
		}
		if len(rest) < at+3 || ambiguousEscape(rest[at+1], rest[at+2]) {
			return "", false
		}
		rest = rest[at+3:]
	}
	plain, err := url.PathUnescape(path)
	return plain, err == nil
}

// isPlain tells in one go that a path is plain as it is. It may be false for some
// that are.
func isPlain(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	before := byte('/')
	for i := 1; i < len(path); i++ {
		c := path[i]
		if c == '%' || c == '\\' || (before == '/' && (c == '/' || c == '.')) {
			return false
		}
		before = c
	}
	return true
}

func ambiguousEscape(hi, lo byte) bool {
	switch [2]byte{lower(hi), lower(lo)} {
	case [2]byte{'2', 'e'}, [2]byte{'2', 'f'}, [2]byte{'5', 'c'}, [2]byte{'0', '0'}:
		return true
	}
	return false
}

// oddSegment tells whether a segment is empty, "." or "..", with or without
// parameters after a semicolon; a closing slash is fine.
func oddSegment(path string) bool {
	for at := 0; at < len(path); {
		end := segmentEnd(path, at)
		seg, _, _ := strings.Cut(path[at+1:end], ";")
		if seg == "." || seg == ".." || (end == at+1 && end < len(path)) {
			return true
		}
		at = end
	}
	return false
}
