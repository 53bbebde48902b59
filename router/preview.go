package router

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"teal/catalog"
)

// Where a client may carry a service's preview token.
const (
	previewHeader = "X-Teal-Preview-Token"
	previewCookie = "teal-preview"
)

// preview sends some requests of an alias to a target that the alias does not
// point at. It is immutable.
type preview struct {
	rule     catalog.PreviewRule
	networks networks // nil for the router's preview networks
	split    split
}

// addPreviews reads the service's preview rules. One that can't be used hides no
// other.
func (b *partBuilder) addPreviews() {
	for n, rule := range b.service.Config.Preview {
		subject := fmt.Sprintf("preview rule %d", n+1)
		p, err := newPreview(rule)
		if err != nil {
			b.problem(subject, "%v", err)
			continue
		}
		alias := rule.Alias
		if alias == "" {
			alias = b.service.DefaultAlias()
		}
		r, known := b.aliases[alias]
		if !known {
			b.problem(subject, "%s has no alias %q to preview; set that alias, or name another", b.name, alias)
			continue
		}
		target, ok := b.service.PreviewTarget(rule)
		switch {
		case ok && b.pools[target] != nil:
			p.split = newSplit(catalog.PointTo(target), b.pools)
		case rule.Target.IsZero():
			continue // nothing new is there to be seen, as on most days
		default:
			b.problem(subject, "nothing was ever deployed to %s, so nobody is sent there; deploy it, or name another target", rule.Target)
			continue
		}
		r.previews = append(r.previews, p)
	}
}

func newPreview(rule catalog.PreviewRule) (*preview, error) {
	p := &preview{rule: rule}
	switch {
	case rule.Header == "" && rule.Cookie == "" && len(rule.Networks) == 0:
		return nil, errors.New("it has no condition and would take everybody; name a header, a cookie or networks")
	case rule.Value != "" && rule.Header != "" && rule.Cookie != "":
		return nil, errors.New("its value could be the header's or the cookie's; name one of the two")
	case len(rule.Networks) == 0:
		return p, nil
	}
	list, err := ParseNetworks(rule.Networks)
	p.networks = list
	return p, err
}

// miss is why a preview rule does not hold for a request.
type miss int

// The reasons.
const (
	missNothing miss = iota // it holds
	missHeader
	missCookie
	missRight // who asks may not preview
)

// takes tells whether the rule holds for a request from who may preview.
func (p *preview) takes(ask *Ask, policy *policy, previewers networks) bool {
	return p.misses(ask, policy, previewers) == missNothing
}

// misses is what the rule misses first in a request.
func (p *preview) misses(ask *Ask, policy *policy, previewers networks) miss {
	if p.rule.Header != "" && !holds(ask.values(p.rule.Header), p.rule.Value) {
		return missHeader
	}
	if p.rule.Cookie != "" {
		value := ask.cookie(p.rule.Cookie)
		if value == "" || (p.rule.Value != "" && value != p.rule.Value) {
			return missCookie
		}
	}
	if p.networks != nil {
		previewers = p.networks
	}
	if !mayPreview(ask, policy, previewers) {
		return missRight
	}
	return missNothing
}

// holds tells whether a field has a value, any where none is wanted.
func holds(values []string, want string) bool {
	return len(values) > 0 && (want == "" || slices.Contains(values, want))
}

// mayPreview tells whether a request is from one of the networks or carries the
// service's token.
func mayPreview(ask *Ask, policy *policy, previewers networks) bool {
	return previewers.has(ask.Peer) || policy.opens(ask)
}

// opens tells whether a request carries the preview token.
func (p *policy) opens(ask *Ask) bool {
	if p.token == nil {
		return false
	}
	token := ask.cookie(previewCookie)
	if values := ask.values(previewHeader); len(values) > 0 {
		token = values[0]
	}
	sum := sha256.Sum256([]byte(token))
	return token != "" && subtle.ConstantTimeCompare(sum[:], p.token[:]) == 1
}

// dropToken takes the preview token off a request that is sent on. Who has the
// tokens of several services sends them to all that share a host, and none is to
// learn another's. Other cookies go on byte for byte.
func dropToken(h http.Header) {
	h.Del(previewHeader)
	lines := h["Cookie"]
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, previewCookie) }) {
		return
	}
	delete(h, "Cookie")
	for _, line := range lines {
		kept := slices.DeleteFunc(strings.Split(line, ";"), func(pair string) bool {
			name, _, _ := strings.Cut(pair, "=")
			return strings.TrimSpace(name) == previewCookie
		})
		if line = strings.TrimSpace(strings.Join(kept, ";")); line != "" {
			h["Cookie"] = append(h["Cookie"], line)
		}
	}
}

// peerText is an address for people; an unknown one has a word too.
func peerText(a netip.Addr) string {
	if !a.IsValid() {
		return "an unknown address"
	}
	return a.String()
}

var _ Fields = http.Header(nil)
