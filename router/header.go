package router

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
)

// maxRequestID is the longest request id that is taken over from a client.
const maxRequestID = 128

// forwarding writes the headers that tell a service who asked for what.
type forwarding struct {
	trusted networks // proxies whose own X-Forwarded-* are believed
}

// apply replaces the forwarding headers of out, the request that is sent on,
// given in, the request as it came.
func (f forwarding) apply(out http.Header, in *http.Request, prefix string) {
	peer := peerOf(in)
	trusted := f.trusted.has(peer)
	dropForwarding(out, trusted)
	address := peer.String()
	if !peer.IsValid() {
		address = "unknown"
	}
	chain, proto, host := address, "http", in.Host
	if in.TLS != nil {
		proto = "https"
	}
	if trusted {
		chain = joined(in.Header.Values("X-Forwarded-For"), address)
		proto = firstOf(in.Header.Get("X-Forwarded-Proto"), proto)
		host = firstOf(in.Header.Get("X-Forwarded-Host"), host)
		prefix = strings.TrimSuffix(in.Header.Get("X-Forwarded-Prefix"), "/") + prefix
	}
	out["X-Forwarded-For"] = []string{chain}
	out["X-Forwarded-Proto"] = []string{proto}
	out["X-Forwarded-Host"] = []string{host}
	applyClientCert(out, in, trusted)
	if prefix != "" {
		out["X-Forwarded-Prefix"] = []string{prefix}
	}
	if id := in.Header.Get("X-Request-Id"); !saneID(id) {
		out["X-Request-Id"] = []string{newRequestID()}
	}
}

func joined(before []string, last string) string {
	if len(before) == 0 {
		return last
	}
	return strings.Join(before, ", ") + ", " + last
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// dropForwarding takes off what a client may have made up, look-alikes with
// underscores included, which some servers read as the real ones. From a trusted
// proxy only the look-alikes go.
func dropForwarding(h http.Header, trusted bool) {
	for name := range h {
		if isForwarding(name) && (!trusted || strings.IndexByte(name, '_') >= 0) {
			delete(h, name)
		}
	}
}

func isForwarding(name string) bool {
	const family = "x-forwarded-"
	if len(name) > len(family) {
		return looksLike(name[:len(family)], family)
	}
	return looksLike(name, "forwarded") || looksLike(name, "x-real-ip")
}

// looksLike compares with a lower-case name, taking underscores for hyphens.
func looksLike(name, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i := range len(want) {
		c := lower(name[i])
		if c == '_' {
			c = '-'
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

func saneID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// newRequestID is unlikely to be made twice; it is no secret.
func newRequestID() string { return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) }
