package router

import (
	"strings"
	"time"

	"teal/catalog"
	"teal/catalog/cow"
)

// BuildOptions is what a table depends on beside the snapshot.
type BuildOptions struct {
	Domain   string        // stable URIs are names below it; empty for none
	Timeout  time.Duration // until the first byte; 0 for DefaultTimeout
	TCPPorts Ports         // that services may have opened
}

// Build compiles a snapshot into a table. It is pure. Whatever is wrong becomes
// a problem of its own service, and its routes are built as far as they are
// good; the problems are those of the snapshot, then those found here.
func Build(s catalog.Snapshot, opt BuildOptions) (*Table, []catalog.Problem) {
	opt.Domain = strings.ToLower(strings.Trim(opt.Domain, "."))
	if opt.Timeout <= 0 {
		opt.Timeout = DefaultTimeout
	}
	t, _ := (&Table{opt: opt}).Update(s)
	return t, t.Problems()
}

// Update is the table of the next snapshot, and the names of the services whose
// parts are built anew. It is pure, and the same as Build of that snapshot, but
// costs no more than what has changed; the rest is shared with t.
func (t *Table) Update(next catalog.Snapshot) (*Table, []string) {
	u := &update{
		opt: t.opt, parts: t.parts.Edit(), hosts: t.hosts.Edit(), named: t.named.Edit(),
		sites: t.sites.Edit(), digits: t.digits, wild: t.wild.Edit(), tcp: t.tcp.Edit(), troubled: t.troubled.Edit(), contested: t.contested.Edit(),
	}
	var changed []string
	for name := range cow.Differences(t.snapshot.Services, next.Services) {
		changed = append(changed, name)
		if old := t.parts.At(name); old != nil {
			u.remove(old)
		}
	}
	for _, name := range changed {
		if s := next.Services.At(name); s != nil {
			u.add(buildPart(name, s, t.opt))
		}
	}
	return u.done(next), changed
}

// update is a table in the making.
type update struct {
	opt       BuildOptions
	parts     *cow.Edit[*part]
	hosts     *cow.Edit[*Route]
	named     *cow.Edit[*Route]
	sites     *cow.Edit[*site]
	digits    bool
	wild      *cow.Edit[*site]
	tcp       *cow.Edit[*slot]
	troubled  *cow.Edit[*part]
	contested *cow.Edit[*slot]
}

func (u *update) done(s catalog.Snapshot) *Table {
	sites := u.sites.Done()
	return &Table{
		opt: u.opt, snapshot: s, parts: u.parts.Done(), hosts: u.hosts.Done(), named: u.named.Done(),
		digits: u.digits, sites: sites, anyHost: sites.At(""), wild: u.wild.Done(), tcp: u.tcp.Done(), troubled: u.troubled.Done(), contested: u.contested.Done(),
	}
}

func (u *update) add(p *part) {
	u.parts.Set(p.name, p)
	if len(p.problems) > 0 {
		u.troubled.Set(p.name, p)
	}
	for host, r := range p.hosts {
		u.hosts.Set(host, r)
	}
	for name, r := range p.named {
		u.named.Set(name, r)
	}
	for _, c := range p.claims {
		u.change(c, func(s *slot) *slot { return s.with(c) })
	}
	for _, c := range p.tcp {
		u.changeTCP(c, func(s *slot) *slot { return s.with(c) })
	}
}

func (u *update) remove(p *part) {
	u.parts.Delete(p.name)
	u.troubled.Delete(p.name)
	for host := range p.hosts {
		u.hosts.Delete(host)
	}
	for name := range p.named {
		u.named.Delete(name)
	}
	for _, c := range p.claims {
		u.change(c, func(s *slot) *slot { return s.without(c) })
	}
	for _, c := range p.tcp {
		u.changeTCP(c, func(s *slot) *slot { return s.without(c) })
	}
}

// change replaces the slot that a claim is about.
func (u *update) change(c *claim, f func(*slot) *slot) {
	sites, host := u.sites, c.host
	u.digits = u.digits || endsInDigit(host)
	if suffix, ok := strings.CutPrefix(c.host, "*"); ok {
		sites, host = u.wild, suffix
	}
	before, _ := sites.Get(host)
	after, s := before.change(c.prefix, f)
	if after == nil {
		sites.Delete(host)
	} else {
		sites.Set(host, after)
	}
	if key := c.host + c.prefix; s != nil && len(s.claims) > 1 {
		u.contested.Set(key, s)
	} else {
		u.contested.Delete(key)
	}
}
