package edge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// missesBeforeGone is how many times in a row a pair must be missing from the
// folder until it is let go: tools that renew remove and write again.
const missesBeforeGone = 3

// Reload reads what has changed now. It answers what is wrong at this moment;
// what is wrong twice in a row is also logged, once.
func (c *Certificates) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed, folderErr := c.lookIntoFolder()
	errs := []error{folderErr}
	for _, name := range slices.Sorted(maps.Keys(c.kept)) {
		k := c.kept[name]
		if k.read() {
			changed = true
			c.options.Logger.Info("using a certificate",
				"pair", name, "names", k.cert.Leaf.DNSNames, "until", k.cert.Leaf.NotAfter)
		}
		k.complaint.note(c.options.Logger, "the certificate "+name, k.err)
		errs = append(errs, k.err)
	}
	if changed {
		c.index()
	}
	errs = append(errs, c.checkDefault(), c.readClientCA())
	return errors.Join(errs...)
}

// lookIntoFolder takes in new pairs and lets go those that are gone for good,
// and tells whether it let go any.
func (c *Certificates) lookIntoFolder() (changed bool, err error) {
	if c.options.Folder == "" {
		return false, nil
	}
	found, err := findPairs(c.options.Folder)
	c.folder.note(c.options.Logger, "the certificates' folder", err)
	if err != nil {
		return false, err
	}
	present := map[string]bool{}
	for _, pair := range found {
		present[pair.Name] = true
		if k := c.kept[pair.Name]; k == nil {
			c.kept[pair.Name] = &kept{pair: pair}
		} else if !c.named(pair.Name) {
			k.pair, k.missed = pair, 0
		}
	}
	for name, k := range c.kept {
		if present[name] || c.named(name) {
			continue
		}
		k.missed++
		last := k.cert != nil && len(c.usableCerts()) == 1
		if k.missed >= missesBeforeGone && !last {
			delete(c.kept, name)
			changed = true
			c.options.Logger.Info("the certificate's files are gone; it is not used any more", "pair", name)
		}
	}
	return changed, nil
}

// named tells whether the options name the pair themselves.
func (c *Certificates) named(pair string) bool {
	return slices.ContainsFunc(c.options.Pairs, func(p Pair) bool { return p.Name == pair })
}

func (c *Certificates) usableCerts() map[string]*tls.Certificate {
	certs := map[string]*tls.Certificate{}
	for name, k := range c.kept {
		if k.cert != nil {
			certs[name] = k.cert
		}
	}
	return certs
}

// index puts the certificates at hand to use, unless there is none.
func (c *Certificates) index() {
	certs := c.usableCerts()
	if len(certs) == 0 {
		return
	}
	index, found := indexNames(certs, c.options.Default)
	c.names.Store(index)
	c.defaultFound = found
}

// checkDefault answers an error while nothing has the default's name.
func (c *Certificates) checkDefault() error {
	var err error
	if c.names.Load() != nil && !c.defaultFound {
		err = fmt.Errorf("no pair is called %q, and no certificate is for that DNS name; name one that exists as the default", c.options.Default)
	}
	c.fallback.note(c.options.Logger, "the default certificate", err)
	return err
}

func (c *Certificates) readClientCA() error {
	if c.ca == nil {
		return nil
	}
	changed, err := c.ca.read()
	c.ca.complaint.note(c.options.Logger, "the authorities for clients' certificates", err)
	if changed {
		config := c.baseConfig()
		config.ClientAuth, config.ClientCAs = c.options.ClientAuth.tls(), c.ca.pool
		c.client.Store(config)
	}
	return err
}
