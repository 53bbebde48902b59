package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"teal/catalog"
)

// check refuses flags that can't be right, before anything is opened.
func (f *routerFlags) check() error {
	admin, err := url.Parse(f.adminURL)
	switch {
	case f.adminURL != "" && (err != nil || admin.Host == "" || (admin.Scheme != "http" && admin.Scheme != "https")):
		err = fmt.Errorf("--admin-url %q is no URL; write it like http://10.0.0.1:8081", f.adminURL)
	case strings.ContainsAny(f.id, "/ "):
		err = fmt.Errorf("--id %q is the end of a key in Consul and holds no slash or space", f.id)
	case f.hold < 0, f.shutdownDelay < 0:
		err = errors.New("--hold and --shutdown-delay are no less than 0")
	case strings.ContainsAny(f.advertise, " /:") && net.ParseIP(f.advertise) == nil:
		err = fmt.Errorf("--advertise %q is no address; write a host name or an IP address, without a port", f.advertise)
	default:
		err = checkDomain(f.domain)
	}
	if err != nil {
		return usageError{err}
	}
	return nil
}

// checkDomain says why stable URIs can't be names below a domain. There may be
// none.
func checkDomain(domain string) error {
	domain = strings.ToLower(strings.Trim(domain, "."))
	if domain == "" {
		return nil
	}
	for label := range strings.SplitSeq(domain, ".") {
		if err := catalog.CheckName("part", label); err != nil {
			return fmt.Errorf("--domain %q is no domain name: %w", domain, err)
		}
	}
	return nil
}
