package router

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// shopSnapshot has web with both colours, and a shop that declares routes.
func shopSnapshot() catalog.Snapshot {
	s := snapshotOf(bluePro)
	shop := *s.Services.At("web")
	shop.Name = "shop"
	shop.Config.Routes = []catalog.Route{
		{Host: "shop.example.com"},
		{Host: "Shop.Example.com", Path: "/cart", Strip: true},
		{Host: "shop.example.com", Path: "/cart/new/"},
		{Path: "/shop", Strip: true},
		{Path: "/shop/api"},
	}
	s = with(s, "shop", &shop)
	return s
}

func TestLookup(t *testing.T) {
	table, problems := Build(shopSnapshot(), BuildOptions{Domain: "Proxy.Example."})
	require.Empty(t, problems)
	for _, c := range []struct{ host, path, want string }{
		{"web.proxy.example", "/x//y/%2e%2e/", "web production"},
		{"WEB.proxy.example.:8080", "", "web production"},
		{"web.production.proxy.example", "/", "web production"},
		{"web.blue-production.proxy.example", "/", "web blue-production"},
		{"web.green-production.proxy.example", "/", "web green-production preview"},
		{"any", "/web@production/x", "web production -/web@production"},
		{"any", "/web@production", "web production -/web@production bare"},
		{"any", "/web@production/", "web production -/web@production"},
		{"[::1]:80", "/web@green-production/x", "web green-production preview -/web@green-production"},
		{"unknown.proxy.example", "/web%40production/%41", "web production -/web%40production"},
		{"any", "/Web@production/", "none"},
		{"any", "/web@/", "none"},
		{"any", "/@", "none"},
		{"any", "/web/", "none"},
		{"any", "", "ambiguous"},
		{"any", "*", "ambiguous"},
		{"any", "/web@production/../shop", "ambiguous"},
		{"any", "/web@production/..;x/", "ambiguous"},
		{"any", "/web@production/%2E/", "ambiguous"},
		{"any", "/web@production/a%5cb", "ambiguous"},
		{"any", `/web@production/a\b`, "ambiguous"},
		{"any", "/web@production/a%2fb", "ambiguous"},
		{"any", "/web@production/%zz", "ambiguous"},
		{"any", "/web@production/%4", "ambiguous"},
		{"any", "/web@production/.hidden/a.b/...", "web production -/web@production"},
		{"shop.example.com", "/", "shop production"},
		{"shop.example.com", "/cartoon", "shop production"},
		{"shop.example.com", "/cart", "shop production -/cart"},
		{"shop.example.com", "/c%61rt/x", "shop production -/c%61rt"},
		{"shop.example.com", "/cart/new/x", "shop production"},
		{"shop.example.com", "/cart/newer", "shop production -/cart"},
		{"shop.example.com", "/cart//new", "ambiguous"},
		{"any", "/shop", "shop production -/shop"},
		{"any", "/shop/ap", "shop production -/shop"},
		{"any", "/shop/api/x", "shop production"},
		{"any", "/sho", "none"},
		{strings.Repeat("x", 300), "/", "none"},
		{"nobody.proxy.example", "/shop", "none"},
		{"deep.below.PROXY.Example.:8080", "/shop", "none"},
		{strings.Repeat("x", 300) + ".proxy.example", "/shop", "none"},
		{"proxy.example", "/shop", "shop production -/shop"},
		{"another-proxy.example", "/shop", "shop production -/shop"},
	} {
		m, ok := table.Lookup(c.host, c.path)
		require.Equal(t, c.want, describe(m, ok), "%s%s", c.host, c.path)
	}
}

func describe(m Match, ok bool) string {
	switch {
	case m.Ambiguous:
		return "ambiguous"
	case !ok:
		return "none"
	}
	text := m.Route.Service + " " + m.Route.Name
	if m.Route.Preview {
		text += " preview"
	}
	if m.Prefix != "" {
		text += " -" + m.Prefix
	}
	if m.Bare {
		text += " bare"
	}
	return text
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table, _ := Build(shopSnapshot(), BuildOptions{Domain: "proxy.example"})
	for _, c := range []struct{ host, path string }{
		{"web.proxy.example", "/a/b/c"},
		{"WEB.Proxy.Example:8080", "/a/b/c"},
		{"127.0.0.1:8080", "/web@production/a/b"},
		{"shop.example.com", "/cart/new/x/y"},
		{"any", "/shop/api/x"},
		{"any", "/nothing"},
		{"nobody.Proxy.example", "/shop"},
	} {
		require.Zero(t, testing.AllocsPerRun(100, func() { table.Lookup(c.host, c.path) }), "%v", c)
	}
}

func FuzzLookup(f *testing.F) {
	table, _ := Build(shopSnapshot(), BuildOptions{Domain: "proxy.example"})
	f.Add("web.proxy.example", "/x")
	f.Add("[::1]:80", "/web@production")
	f.Add("shop.example.com", "/c%61rt/%2e/x")
	f.Add("any", "/shop/api/../x")
	f.Fuzz(func(t *testing.T, host, path string) {
		m, ok := table.Lookup(host, path)
		if ok != (m.Route != nil) || (ok && m.Ambiguous) {
			t.Fatalf("%q %q: %+v %v", host, path, m, ok)
		}
		if !strings.HasPrefix(path, m.Prefix) {
			t.Fatalf("prefix %q is not of %q", m.Prefix, path)
		}
		if m.Prefix == "" {
			return
		}
		// What is cut off is whole segments, and what they mean is what was matched.
		if rest := path[len(m.Prefix):]; rest != "" && rest[0] != '/' {
			t.Fatalf("%q cuts a segment of %q", m.Prefix, path)
		}
		plain, err := url.PathUnescape(m.Prefix)
		if err != nil || strings.Contains(plain, "..") || strings.Contains(plain, "//") {
			t.Fatalf("prefix %q of %q", m.Prefix, path)
		}
	})
}

func FuzzHost(f *testing.F) {
	f.Add("web.proxy.example:80")
	f.Add("[::1")
	f.Add(":")
	f.Fuzz(func(t *testing.T, host string) {
		bare := bareHost(host)
		if len(bare) > len(host) {
			t.Fatalf("%q from %q", bare, host)
		}
		var buf [maxHost]byte
		name, _ := lowerHost(host, &buf)
		found := name == "web.example"
		if want := strings.EqualFold(bare, "web.example") && isASCII(bare); found != want {
			t.Fatalf("%q: %v", host, found)
		}
	})
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func BenchmarkLookup(b *testing.B) {
	s := shopSnapshot()
	for n := range 1000 {
		one := *s.Services.At("web")
		one.Name = fmt.Sprintf("web-%d", n)
		s = with(s, one.Name, &one)
	}
	table, _ := Build(s, BuildOptions{Domain: "proxy.example"})
	for _, c := range []struct{ name, host, path string }{
		{"host", "web-500.proxy.example", "/a/b/c"},
		{"path", "127.0.0.1:8080", "/web-500@production/a/b"},
		{"declared", "shop.example.com", "/cart/new/x"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := table.Lookup(c.host, c.path); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	s := catalog.Snapshot{}
	for n := range 1000 {
		one := *snapshotOf(bluePro).Services.At("web")
		one.Name = fmt.Sprintf("web-%d", n)
		s = with(s, one.Name, &one)
	}
	b.ReportAllocs()
	for b.Loop() {
		Build(s, BuildOptions{Domain: "proxy.example"})
	}
}
