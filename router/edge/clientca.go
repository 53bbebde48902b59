package edge

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// ClientAuth says whether clients show a certificate.
type ClientAuth string

// What may be asked of clients. A certificate that is shown is always verified.
const (
	ClientAuthNone    ClientAuth = "none"    // nothing is asked for
	ClientAuthRequest ClientAuth = "request" // who shows none is let in without
	ClientAuthRequire ClientAuth = "require" // who shows none is refused
)

// ParseClientAuth reads none, request or require; nothing is none.
func ParseClientAuth(text string) (ClientAuth, error) {
	switch mode := ClientAuth(text); mode {
	case "":
		return ClientAuthNone, nil
	case ClientAuthNone, ClientAuthRequest, ClientAuthRequire:
		return mode, nil
	default:
		return "", fmt.Errorf("%q is no way to ask clients for certificates; write none, request or require", text)
	}
}

func (a ClientAuth) tls() tls.ClientAuthType {
	switch a {
	case ClientAuthRequest:
		return tls.VerifyClientCertIfGiven
	case ClientAuthRequire:
		return tls.RequireAndVerifyClientCert
	default:
		return tls.NoClientCert
	}
}

// clientCA is the file of authorities that sign clients' certificates, with the
// last good reading of it.
type clientCA struct {
	path      string
	content   []byte
	pool      *x509.CertPool // nil until it could be read
	complaint complaint
}

// read reads the file again and tells whether there are new authorities.
func (c *clientCA) read() (changed bool, err error) {
	content, err := os.ReadFile(c.path)
	if err != nil {
		return false, fmt.Errorf("read the authorities for clients' certificates: %w", err)
	}
	if c.pool != nil && bytes.Equal(content, c.content) {
		return false, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return false, fmt.Errorf("%s holds no certificate in PEM; put those of the authorities that sign clients' certificates there", c.path)
	}
	c.pool, c.content = pool, content
	return true, nil
}
