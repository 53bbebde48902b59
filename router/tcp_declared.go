package router

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"teal/catalog"
)

// addTCP gathers the claims to ports and TLS names. They lead to an alias and
// nowhere else: a target that no alias points at can be tried by its own name
// over HTTP, but has no port.
func (b *partBuilder) addTCP() {
	for _, d := range b.service.Config.TCP {
		text := textOfTCP(d)
		r, ok := b.bound(text, d.Alias)
		if !ok {
			continue
		}
		key, err := b.tcpKey(d)
		if err != nil {
			b.problem(text, "route %s can't be taken: %v", text, err)
			continue
		}
		if slices.ContainsFunc(b.tcp, func(c *claim) bool { return c.host == key }) {
			b.problem(text, "route %s is already declared by %s, which keeps it; take it out of one of the two service files", text, b.name)
			continue
		}
		b.tcp = append(b.tcp, &claim{service: b.name, host: key, text: text, route: r, seniority: b.seniority()})
	}
}

// textOfTCP is a declared TCP route for people.
func textOfTCP(d catalog.TCPRoute) string {
	if d.SNI != "" && d.Port == 0 {
		return d.SNI + " (TLS)"
	}
	return portKey(d.Port) + " (TCP)"
}

// portKey is a port as a key of Table.tcp, where the others are names, which
// have no colon.
func portKey(port int) string { return ":" + strconv.Itoa(port) }

// tcpKey is what a declared route is found by, or why it can't be had.
func (b *partBuilder) tcpKey(d catalog.TCPRoute) (string, error) {
	switch {
	case d.Port == 0 && d.SNI == "":
		return "", errors.New("it names neither a port nor a TLS name; declare one of the two")
	case d.Port != 0 && d.SNI != "":
		return "", fmt.Errorf("it names both a port and the TLS name %q; declare two routes", d.SNI)
	case d.SNI != "":
		return b.serverName(d.SNI)
	case d.Port < 1 || d.Port > 65535:
		return "", errors.New("a port is from 1 to 65535; declare such a one")
	case len(b.opt.TCPPorts) == 0:
		return "", errors.New("this router opens no ports for services; have its operator allow some with --tcp-ports, or declare a TLS name")
	case !b.opt.TCPPorts.Has(d.Port):
		return "", fmt.Errorf("this router opens only the ports %s for services; declare one of these", b.opt.TCPPorts)
	}
	return portKey(d.Port), nil
}

// serverName is a TLS name as it is looked up, or why it can't be had.
func (b *partBuilder) serverName(name string) (string, error) {
	host := strings.ToLower(strings.TrimSuffix(name, "."))
	if !isServerName(strings.TrimPrefix(host, "*.")) {
		return "", errors.New("that is no name a TLS client can ask for; write one such as db.example.com or *.db.example.com")
	}
	return host, b.mayDeclare(host, "/")
}

// isServerName tells whether name, in lower case, is a DNS name (RFC 6066,
// section 3). Underscores occur in practice.
func isServerName(name string) bool {
	if len(name) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
