package router

import (
	"fmt"
	"net/http"
	"strings"
)

// clientCertSubject is the header that tells a service whose certificate the
// client has shown.
const clientCertSubject = "X-Forwarded-Client-Cert-Subject"

// applyClientCert writes the subject of the client's certificate, if it was
// verified, and else leaves what a trusted proxy has written. What anybody else
// has written is gone by now.
func applyClientCert(out http.Header, in *http.Request, trusted bool) {
	if trusted && in.Header.Get(clientCertSubject) != "" {
		return // the proxy's own certificate is not the client's
	}
	if in.TLS == nil || len(in.TLS.VerifiedChains) == 0 {
		return
	}
	out[clientCertSubject] = []string{plainASCII(in.TLS.VerifiedChains[0][0].Subject.String())}
}

// plainASCII writes the bytes of a distinguished name that a header should not
// have as RFC 4514, section 2.4 has it: a backslash and two hex digits.
func plainASCII(name string) string {
	plain := func(c byte) bool { return c >= ' ' && c <= '~' }
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%02X`, c)
		}
	}
	return b.String()
}
