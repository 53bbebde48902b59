package edge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/integration/certtest"
	"teal/router/edge"
)

func load(t *testing.T, o edge.CertificateOptions) *edge.Certificates {
	t.Helper()
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	c, err := edge.LoadCertificates(o)
	require.NoError(t, err)
	return c
}

// served is the first DNS name of the certificate a client gets for a name.
func served(t *testing.T, c *edge.Certificates, serverName string) string {
	t.Helper()
	cert, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: serverName})
	require.NoError(t, err)
	return cert.Leaf.DNSNames[0]
}

func TestCertificatesOfAFolderByServerName(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	put := func(i certtest.Pair, cert, key string) {
		certtest.Write(t, i.Cert, dir, cert)
		certtest.Write(t, i.Key, dir, key)
	}
	put(ca.Issue(time.Hour, "b.example", "*.b.example"), "b.crt", "b.key")
	put(ca.Issue(time.Hour, "www.b.example"), "www.pem", "www.key")
	put(ca.Issue(time.Hour, "le.example"), "le.example/fullchain.pem", "le.example/privkey.pem")
	put(ca.Issue(time.Hour, "kube.example"), "kube/tls.crt", "kube/tls.key")
	put(ca.Issue(time.Hour, "hidden.example"), "..data/tls.crt", "..data/tls.key")
	certtest.Write(t, ca.PEM(), dir, "ca.crt")
	certtest.Write(t, ca.PEM(), dir, "le.example/chain.pem")
	c := load(t, edge.CertificateOptions{Folder: dir})

	for name, want := range map[string]string{
		"b.example":      "b.example",
		"B.Example":      "b.example",
		"x.b.example":    "b.example",
		"www.b.example":  "www.b.example",
		"le.example":     "le.example",
		"kube.example":   "kube.example",
		"x.y.b.example":  "b.example", // the default; a wildcard is for one label
		"hidden.example": "b.example",
		"":               "b.example",
	} {
		require.Equal(t, want, served(t, c, name), "for %q", name)
	}
	names := []string{}
	for name := range c.Expiries() {
		names = append(names, name)
	}
	require.ElementsMatch(t, []string{"b", "www", "le.example", "kube/tls"}, names)
	require.WithinDuration(t, time.Now().Add(time.Hour), c.Expiries()["b"], time.Minute)

	for preferred, want := range map[string]string{
		"le.example": "le.example", "www": "www.b.example", "www.b.example": "www.b.example", "any.b.example": "b.example",
	} {
		c = load(t, edge.CertificateOptions{Folder: dir, Default: preferred})
		require.Equal(t, want, served(t, c, "nobody.example"))
	}
	_, err := edge.LoadCertificates(edge.CertificateOptions{Folder: dir, Default: "nobody.example", Logger: hclog.NewNullLogger()})
	require.ErrorContains(t, err, "nobody.example")
}

func TestOfTwoCertificatesTheLongerLastingIsServed(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	for file, i := range map[string]certtest.Pair{
		"a": ca.Issue(-time.Minute, "shop.example", "old"),
		"b": ca.Issue(time.Hour, "shop.example", "new"),
	} {
		certtest.Write(t, i.Cert, dir, file+".crt")
		certtest.Write(t, i.Key, dir, file+".key")
	}
	c := load(t, edge.CertificateOptions{Folder: dir})
	// Without versions and suites no certificate is supported: the first is taken.
	cert, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: "shop.example"})
	require.NoError(t, err)
	require.Equal(t, "new", cert.Leaf.DNSNames[1])
}

func TestABrokenPairLeavesTheLastGoodOneAndIsToldOnce(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	first, second := ca.Issue(time.Hour, "first.example"), ca.Issue(time.Hour, "second.example")
	pair := edge.Pair{
		Name: "shop",
		Cert: certtest.Write(t, first.Cert, dir, "shop.crt"),
		Key:  certtest.Write(t, first.Key, dir, "shop.key"),
	}
	var log bytes.Buffer
	c := load(t, edge.CertificateOptions{
		Pairs:  []edge.Pair{pair},
		Logger: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Warn}),
	})

	certtest.Write(t, second.Cert, pair.Cert) // half of a new pair
	require.Error(t, c.Reload())
	require.Equal(t, "first.example", served(t, c, ""))
	require.Empty(t, log.String(), "it may be being written")
	for range 5 {
		require.Error(t, c.Reload())
	}
	before, err := c.GetCertificate(&tls.ClientHelloInfo{})
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), log.String())
	require.Contains(t, log.String(), "shop.key")

	certtest.Write(t, first.Cert, pair.Cert)
	require.NoError(t, c.Reload())
	after, err := c.GetCertificate(&tls.ClientHelloInfo{})
	require.NoError(t, err)
	require.Same(t, before, after, "what has not changed is not parsed again")

	certtest.Write(t, second.Cert, pair.Cert)
	certtest.Write(t, second.Key, pair.Key)
	require.NoError(t, c.Reload())
	require.Equal(t, "second.example", served(t, c, ""))

	require.NoError(t, os.Remove(pair.Key))
	for range 5 {
		require.Error(t, c.Reload())
	}
	require.Equal(t, "second.example", served(t, c, ""))
}

func TestAPairThatCantBeReadAtTheStart(t *testing.T) {
	dir := t.TempDir()
	cert := certtest.Write(t, []byte("nothing"), dir, "shop.crt")
	for name, o := range map[string]edge.CertificateOptions{
		"named":            {Pairs: []edge.Pair{{Name: "shop", Cert: cert, Key: cert}}},
		"no such file":     {Pairs: []edge.Pair{{Name: "shop", Cert: cert, Key: cert + ".key"}}},
		"an empty folder":  {Folder: t.TempDir()},
		"no such folder":   {Folder: filepath.Join(dir, "none")},
		"nothing at all":   {},
		"no authorities":   {Folder: dir, ClientAuth: edge.ClientAuthRequire},
		"the folder's one": {Folder: filepath.Dir(certtest.Write(t, nil, dir, "sub", "x.key"))},
	} {
		t.Run(name, func(t *testing.T) {
			o.Logger = hclog.NewNullLogger()
			_, err := edge.LoadCertificates(o)
			require.Error(t, err)
		})
	}
}

func TestAFolderIsFollowed(t *testing.T) {
	ca, root := certtest.New(t), t.TempDir()
	generation := func(name string, hosts ...string) {
		for _, host := range hosts {
			i := ca.Issue(time.Hour, host, name)
			certtest.Write(t, i.Cert, root, name, host+".crt")
			certtest.Write(t, i.Key, root, name, host+".key")
		}
	}
	swap := func(to string) { // as Kubernetes swaps a mounted folder
		aside := filepath.Join(root, "aside")
		require.NoError(t, os.Symlink(to, aside))
		require.NoError(t, os.Rename(aside, filepath.Join(root, "live")))
	}
	generation("one", "a.example", "b.example")
	generation("two", "b.example", "c.example")
	swap("one")
	c := load(t, edge.CertificateOptions{Folder: filepath.Join(root, "live")})
	require.Equal(t, "b.example", served(t, c, "b.example"))

	swap("two")
	_ = c.Reload()
	require.Equal(t, "c.example", served(t, c, "c.example"))
	cert, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: "b.example"})
	require.NoError(t, err)
	require.Equal(t, "two", cert.Leaf.DNSNames[1])
	require.Equal(t, "a.example", served(t, c, "a.example"), "it may come back")
	_, _ = c.Reload(), c.Reload()
	require.Equal(t, "b.example", served(t, c, "a.example"), "it is gone for good")

	require.NoError(t, os.RemoveAll(filepath.Join(root, "two")))
	for range 5 {
		_ = c.Reload()
	}
	require.Equal(t, "c.example", served(t, c, "c.example"), "an unreadable folder takes nothing away")
	require.NoError(t, os.Mkdir(filepath.Join(root, "two"), 0o700))
	for range 5 {
		_ = c.Reload()
	}
	require.Len(t, c.Expiries(), 1, "the last certificate is not let go")
}

func TestRunReadsWhatChanges(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	put := func(i certtest.Pair) {
		certtest.Write(t, i.Cert, dir, "a.crt")
		certtest.Write(t, i.Key, dir, "a.key")
	}
	put(ca.Issue(time.Hour, "first.example"))
	c := load(t, edge.CertificateOptions{Folder: dir, ReadEvery: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	put(ca.Issue(time.Hour, "second.example"))
	require.Eventually(t, func() bool { return served(t, c, "") == "second.example" }, 10*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}
