package router

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

var outside = netip.MustParseAddr("203.0.113.9")

func TestPreviewRules(t *testing.T) {
	digest := sha256.Sum256([]byte("let me see"))
	beta := catalog.PreviewRule{Target: greenPro, Header: "X-Beta", Value: "1"}
	cookie := catalog.PreviewRule{Target: greenPro, Cookie: "beta"}
	office := catalog.PreviewRule{Target: greenPro, Networks: []string{"203.0.113.0/24"}}
	for _, c := range []struct {
		name   string
		rule   catalog.PreviewRule
		peer   netip.Addr
		header http.Header
		want   string
	}{
		{"the header", beta, askWeb.Peer, http.Header{"X-Beta": {"1"}}, "green-production"},
		{"the header in other letters", catalog.PreviewRule{Target: greenPro, Header: "x-beta"}, askWeb.Peer, http.Header{"X-Beta": {"any"}}, "green-production"},
		{"another value", beta, askWeb.Peer, http.Header{"X-Beta": {"2"}}, "blue-production"},
		{"no header", beta, askWeb.Peer, nil, "blue-production"},
		{"the header from outside", beta, outside, http.Header{"X-Beta": {"1"}}, "blue-production"},
		{"from outside with the token", beta, outside, http.Header{"X-Beta": {"1"}, "X-Teal-Preview-Token": {"let me see"}}, "green-production"},
		{"with the token as a cookie", beta, outside, http.Header{"X-Beta": {"1"}, "Cookie": {"teal-preview=let me see"}}, "green-production"},
		{"with a wrong token", beta, outside, http.Header{"X-Beta": {"1"}, "X-Teal-Preview-Token": {"let me"}}, "blue-production"},
		{"the token alone", beta, outside, http.Header{"X-Teal-Preview-Token": {"let me see"}}, "blue-production"},
		{"a cookie", cookie, askWeb.Peer, http.Header{"Cookie": {"a=b; beta=yes"}}, "green-production"},
		{"no cookie", cookie, askWeb.Peer, http.Header{"Cookie": {"a=b"}}, "blue-production"},
		{"a network", office, outside, nil, "green-production"},
		{"another network", office, askWeb.Peer, nil, "blue-production"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPublisher(t)
			p.publish(changed(snapshotOf(bluePro), func(s *catalog.Service) {
				s.Config.Preview = []catalog.PreviewRule{c.rule}
				s.Config.PreviewToken = hex.EncodeToString(digest[:])
			}))
			require.Empty(t, p.table.Problems())
			ask := askWeb
			ask.Peer, ask.Header = c.peer, c.header
			require.Equal(t, []string{c.want}, p.sides(t, []Ask{ask}))
		})
	}
}

func TestTheTokenOpensATargetByName(t *testing.T) {
	p := newPublisher(t)
	digest := sha256.Sum256([]byte("let-me-see"))
	p.publish(changed(snapshotOf(bluePro), func(s *catalog.Service) { s.Config.PreviewToken = hex.EncodeToString(digest[:]) }))
	ask := Ask{Host: "web.green-production.proxy.example", Path: "/", Peer: outside}
	var c Claim
	require.Equal(t, CodePreview, p.dispatch.begin(t.Context(), &c, ask).Code)
	ask.Header = http.Header{"Cookie": {"teal-preview=let-me-see"}}
	require.Nil(t, p.dispatch.begin(t.Context(), &c, ask))
	require.Equal(t, "green-production", c.Target())
	c.Release(Class2xx)
}

func TestAPreviewOfNobodyGoesToTheAlias(t *testing.T) {
	p := newPublisher(t)
	p.publish(changed(snapshotOf(bluePro), func(s *catalog.Service) {
		s.Config.Preview = []catalog.PreviewRule{{Target: greenPro, Header: "X-Beta"}}
		for i := range s.Instances {
			if s.Instances[i].Target == greenPro {
				s.Instances[i].Health = catalog.Critical
			}
		}
	}))
	ask := askWeb
	ask.Header = http.Header{"X-Beta": {"1"}}
	require.Equal(t, []string{"blue-production"}, p.sides(t, []Ask{ask}))
}

func TestBadPreviewRulesAreProblems(t *testing.T) {
	_, problems := Build(changed(snapshotOf(bluePro), func(s *catalog.Service) {
		s.Config.PreviewToken = "xyz"
		s.Config.Preview = []catalog.PreviewRule{
			{Target: greenPro},
			{Target: greenPro, Networks: []string{"here"}},
			{Target: integ, Header: "X"},
			{Target: greenPro, Header: "X", Alias: "beta"},
			{Target: greenPro, Header: "X", Cookie: "y", Value: "z"},
			{Target: greenPro, Header: "X"},
		}
	}), BuildOptions{Domain: "proxy.example"})
	require.ElementsMatch(t, []string{
		"web: preview_token_sha256: the preview token's digest is not the hex form of a SHA-256, so no token opens previews; write what `sha256sum` says of the token",
		"web: preview rule 1: it has no condition and would take everybody; name a header, a cookie or networks",
		`web: preview rule 2: "here" is not a network; write one such as 10.0.0.0/8, or none alone`,
		"web: preview rule 3: nothing was ever deployed to integration, so nobody is sent there; deploy it, or name another target",
		`web: preview rule 4: web has no alias "beta" to preview; set that alias, or name another`,
		"web: preview rule 5: its value could be the header's or the cookie's; name one of the two",
	}, messages(problems))
}

func TestAPreviewOfWhatIsNext(t *testing.T) {
	p := newPublisher(t)
	ask := askWeb
	ask.Header = http.Header{"X-Beta": {"1"}}
	next := func(state catalog.ReleaseState) catalog.Snapshot {
		return changed(snapshotOf(bluePro), func(s *catalog.Service) {
			s.Config.Preview = []catalog.PreviewRule{{Header: "X-Beta"}}
			s.Releases[greenPro] = catalog.Release{State: state}
		})
	}
	p.publish(next(catalog.Staging))
	require.Equal(t, []string{"green-production"}, p.sides(t, []Ask{ask}), "a release that is being brought up")
	p.publish(next(catalog.Standby))
	require.Equal(t, []string{"blue-production"}, p.sides(t, []Ask{ask}), "what was before is not what is next")
	require.Empty(t, p.table.Problems())
}
