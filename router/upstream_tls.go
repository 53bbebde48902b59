package router

import (
	"crypto/x509"

	"teal/catalog"
)

// upstreamTLS is how a service's instances prove who they are.
type upstreamTLS struct {
	serverName string         // empty for the service's name
	roots      *x509.CertPool // nil for the router's own
	skipVerify bool
}

func newUpstreamTLS(c *catalog.UpstreamTLS, problem func(subject, format string, args ...any)) *upstreamTLS {
	if c == nil {
		return nil
	}
	t := &upstreamTLS{serverName: c.ServerName, skipVerify: c.SkipVerify}
	if c.CA == "" {
		return t
	}
	t.roots = x509.NewCertPool()
	if !t.roots.AppendCertsFromPEM([]byte(c.CA)) {
		problem("tls", "the CA holds no certificate in PEM, so no instance over TLS is believed; correct it in the service file")
	}
	return t
}
