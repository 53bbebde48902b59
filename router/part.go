package router

import (
	"fmt"

	"teal/catalog"
)

// part is what a table holds of one service. It is built from that service and
// the options alone, and immutable once its table is published.
type part struct {
	name    string
	service *catalog.Service
	policy  *policy
	pools   map[catalog.Target]*pool
	targets []catalog.Target // of the pools, ordered by name
	aliases map[string]*Route
	hosts   map[string]*Route // the stable host names, without the domain
	named   map[string]*Route // the path form, by "service@name"
	claims  []*claim          // declared routes that it wants
	tcp     []*claim          // ports and TLS names, by their key in Table.tcp
	listing []Listing         // the stable ways to reach it

	problems []catalog.Problem
}

func (p *part) problem(subject, format string, args ...any) {
	p.problems = append(p.problems, catalog.Problem{Service: p.name, Subject: subject, Message: fmt.Sprintf(format, args...)})
}

// pool is that of a target, nil where there is none.
func (p *part) pool(t catalog.Target) *pool {
	if p == nil {
		return nil
	}
	return p.pools[t]
}

// live tells whether some alias sends requests to t.
func (p *part) live(t catalog.Target) bool {
	for _, r := range p.aliases {
		if r.Value.Sends(t) {
			return true
		}
	}
	return false
}

// buildPart builds what belongs to one service. It is pure.
func buildPart(name string, s *catalog.Service, opt BuildOptions) *part {
	p := &part{
		name: name, service: s,
		pools: map[catalog.Target]*pool{}, aliases: map[string]*Route{}, hosts: map[string]*Route{}, named: map[string]*Route{},
	}
	if err := catalog.CheckName("service", name); err != nil {
		p.problem(name, "%v", err)
		return p
	}
	b := &partBuilder{part: p, opt: opt}
	p.policy = newPolicy(s.Config, opt, p.problem)
	b.addPools()
	p.targets = sortedTargets(p.pools)
	b.addAliases()
	b.checkHalts()
	b.addPreviews()
	b.addTargets()
	b.addDeclared()
	b.addTCP()
	return p
}
