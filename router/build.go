package router

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"teal/catalog"
)

// DefaultTimeout is how long a service may take until the first byte of its
// answer, where its configuration says nothing.
const DefaultTimeout = 60 * time.Second

// BuildOptions is what a table depends on beside the snapshot.
type BuildOptions struct {
	Domain  string        // stable URIs are names below it; empty for none
	Timeout time.Duration // until the first byte; 0 for DefaultTimeout
}

// Build compiles a snapshot into a table. It is pure. Whatever is wrong becomes
// a problem of its own service, and its routes are built as far as they are
// good; the problems are those of the snapshot, then those found here.
func Build(s catalog.Snapshot, opt BuildOptions) (*Table, []catalog.Problem) {
	b := &builder{opt: opt, table: &Table{
		snapshot: s,
		domain:   strings.ToLower(strings.Trim(opt.Domain, ".")),
		hosts:    make(map[string]*paths, 4*len(s.Services)),
		named:    make(map[string]*Route, 3*len(s.Services)),
		pools:    make(map[poolKey]*pool, 2*len(s.Services)),
		parts:    make(map[string]*part, len(s.Services)),
	}}
	if b.opt.Timeout <= 0 {
		b.opt.Timeout = DefaultTimeout
	}
	for _, p := range s.Problems {
		b.add(p)
	}
	var built []*serviceBuilder
	for _, name := range slices.Sorted(maps.Keys(s.Services)) {
		if sb := b.start(name, s.Services[name]); sb != nil {
			built = append(built, sb)
		}
	}
	addDeclared(built)
	return b.table, b.table.problems
}

type builder struct {
	opt   BuildOptions
	table *Table
}

// start builds the stable URIs of a service; nil when it can't have any.
func (b *builder) start(key string, s *catalog.Service) *serviceBuilder {
	if s == nil {
		return nil
	}
	if err := catalog.CheckName("service", key); err != nil {
		b.problem(key, key, "%v", err)
		return nil
	}
	sb := &serviceBuilder{builder: b, name: key, service: s, pools: map[catalog.Target]*pool{}, aliases: map[string]*Route{}}
	sb.addPools()
	sb.targets = sortedTargets(sb.pools)
	b.part(key).targets = sb.targets
	sb.addAliases()
	sb.addTargets()
	return sb
}

func (b *builder) problem(service, subject, format string, args ...any) {
	b.add(catalog.Problem{Service: service, Subject: subject, Message: fmt.Sprintf(format, args...)})
}

func (b *builder) add(p catalog.Problem) {
	b.table.problems = append(b.table.problems, p)
	part := b.part(p.Service)
	part.problems = append(part.problems, p)
}

// part is that of a service, made on first use.
func (b *builder) part(service string) *part {
	p, ok := b.table.parts[service]
	if !ok {
		p = &part{}
		b.table.parts[service] = p
	}
	return p
}
