package edge

import (
	"cmp"
	"crypto/tls"
	"slices"
	"strings"
)

// names finds certificates by the DNS names they are for. It is immutable.
type names struct {
	exact    map[string][]*tls.Certificate
	wildcard map[string][]*tls.Certificate // by what follows "*"; one label only (RFC 9525, section 6.3)
	fallback *tls.Certificate              // nil only if there is none at all
}

// indexNames arranges certificates, by their pairs' names. Of several for one
// DNS name the one that is valid longest comes first. The fallback, for clients
// that name nothing or nobody's name, is the pair or the DNS name preferred
// says; else, and then found is false, the first by name.
func indexNames(byPair map[string]*tls.Certificate, preferred string) (n *names, found bool) {
	n = &names{exact: map[string][]*tls.Certificate{}, wildcard: map[string][]*tls.Certificate{}}
	pairs := make([]string, 0, len(byPair))
	for pair := range byPair {
		pairs = append(pairs, pair)
	}
	slices.Sort(pairs)
	for _, pair := range pairs {
		n.add(byPair[pair])
	}
	n.lastingFirst()
	if len(pairs) > 0 {
		n.fallback = byPair[pairs[0]]
	}
	if preferred == "" {
		return n, true
	}
	if cert := byPair[preferred]; cert != nil {
		n.fallback = cert
		return n, true
	}
	if certs := n.find(preferred); len(certs) > 0 {
		n.fallback = certs[0]
		return n, true
	}
	return n, false
}

func (n *names) add(cert *tls.Certificate) {
	for _, name := range cert.Leaf.DNSNames {
		name = strings.ToLower(name)
		if suffix, ok := strings.CutPrefix(name, "*"); ok {
			n.wildcard[suffix] = append(n.wildcard[suffix], cert)
		} else {
			n.exact[name] = append(n.exact[name], cert)
		}
	}
}

func (n *names) lastingFirst() {
	for _, index := range []map[string][]*tls.Certificate{n.exact, n.wildcard} {
		for _, certs := range index {
			slices.SortStableFunc(certs, func(a, b *tls.Certificate) int {
				return cmp.Compare(b.Leaf.NotAfter.Unix(), a.Leaf.NotAfter.Unix())
			})
		}
	}
}

// find answers the certificates for a server name: its own, else those of its
// one-label wildcard, else none.
func (n *names) find(serverName string) []*tls.Certificate {
	serverName = strings.ToLower(serverName)
	if certs := n.exact[serverName]; certs != nil {
		return certs
	}
	if dot := strings.IndexByte(serverName, '.'); dot > 0 {
		return n.wildcard[serverName[dot:]]
	}
	return nil
}

// choose picks the certificate for a client. Of several for its name, such as an
// ECDSA and an RSA one, it is the first that the client supports.
func (n *names) choose(hello *tls.ClientHelloInfo) *tls.Certificate {
	certs := n.find(hello.ServerName)
	if len(certs) == 0 {
		return n.fallback
	}
	if len(certs) > 1 {
		for _, cert := range certs {
			if hello.SupportsCertificate(cert) == nil {
				return cert
			}
		}
	}
	return certs[0]
}
