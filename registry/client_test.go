package registry_test

import (
	"context"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	handler "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/registry"
)

// store is a registry in memory that lets through what first answers with false.
type store struct {
	host string
	did  atomic.Value // the last request that was answered: "GET /v2/…"
}

func start(t *testing.T, first func(http.ResponseWriter, *http.Request) bool) *store {
	t.Helper()
	t.Setenv("HOME", t.TempDir()) // no login of whoever runs the tests
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	s := &store{}
	inner := handler.New(handler.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.did.Store(r.Method + " " + r.URL.Path)
		if first == nil || !first(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.host = strings.TrimPrefix(server.URL, "http://")
	return s
}

// image is a new one at the registry, and its digest.
func (s *store) image(t *testing.T, path string) string {
	t.Helper()
	img, err := random.Image(512, 2)
	require.NoError(t, err)
	ref, err := name.ParseReference(s.host + "/" + path)
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, img))
	return digest(t, img)
}

func digest(t *testing.T, of interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	hash, err := of.Digest()
	require.NoError(t, err)
	return hash.String()
}

func TestDigestIsWhatTheTagMeansNow(t *testing.T) {
	s := start(t, nil)
	first := s.image(t, "team/shop:1.0.0")
	got, err := registry.New().Digest(t.Context(), s.host+"/team/shop:1.0.0")
	require.NoError(t, err)
	require.Equal(t, s.host+"/team/shop@"+first, got)
	require.Equal(t, "HEAD /v2/team/shop/manifests/1.0.0", s.did.Load(), "registries count the pulls")

	second := s.image(t, "team/shop:1.0.0")
	require.NotEqual(t, first, second)
	got, err = registry.New().Digest(t.Context(), s.host+"/team/shop:1.0.0")
	require.NoError(t, err)
	require.Equal(t, s.host+"/team/shop@"+second, got)
}

func TestDigestOfNoTagIsOfLatest(t *testing.T) {
	s := start(t, nil)
	want := s.image(t, "shop:latest")
	got, err := registry.New().Digest(t.Context(), s.host+"/shop")
	require.NoError(t, err)
	require.Equal(t, s.host+"/shop@"+want, got)
}

func TestDigestOfAPinnedImageAsksNobody(t *testing.T) {
	for _, image := range []string{
		"shop@sha256:" + strings.Repeat("a", 64),
		"127.0.0.1:1/shop:1.0.0@sha256:" + strings.Repeat("b", 64),
	} {
		got, err := registry.New().Digest(t.Context(), image)
		require.NoError(t, err)
		require.Equal(t, image, got)
	}
}

func TestDigestWhereTheHeadersDoNotTell(t *testing.T) {
	var written atomic.Bool
	s := start(t, func(w http.ResponseWriter, r *http.Request) bool {
		mute := written.Load() && r.Method == http.MethodHead
		if mute {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		return mute
	})
	want := s.image(t, "shop:1")
	written.Store(true)
	got, err := registry.New().Digest(t.Context(), s.host+"/shop:1")
	require.NoError(t, err)
	require.Equal(t, s.host+"/shop@"+want, got)
}

func TestDigestOfWhatIsNotThere(t *testing.T) {
	s := start(t, nil)
	s.image(t, "shop:1")
	for _, image := range []string{"shop:2", "nothing:1"} {
		_, err := registry.New().Digest(t.Context(), s.host+"/"+image)
		require.ErrorIs(t, err, catalog.ErrNoImage)
		require.ErrorContains(t, err, "registry "+s.host)
	}
}

func TestDigestSaysWhatToDo(t *testing.T) {
	refusing := start(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	for _, c := range []struct{ image, says string }{
		{refusing.host + "/shop:1", "run docker login " + refusing.host},
		{free(t) + "/shop:1", "can't be reached"},
		{plain(t) + "/shop:1", "speaks plain HTTP"},
		{"Shop:1", "write it like registry.example:5000/shop:1.0.0"},
		{"", "write it like registry.example:5000/shop:1.0.0"},
	} {
		_, err := registry.New().Digest(t.Context(), c.image)
		require.ErrorContains(t, err, c.says)
		require.NotErrorIs(t, err, catalog.ErrNoImage)
	}
}

// free is an address where nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// plain is a server without TLS at an address where HTTPS is wanted.
func plain(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	require.NoError(t, err)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.NotFoundHandler()}}
	server.Start()
	t.Cleanup(server.Close)
	return l.Addr().String()
}

func TestDigestEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := start(t, func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	})
	_, err := registry.New().Digest(ctx, s.host+"/shop:1")
	require.ErrorIs(t, err, context.Canceled)
}

func TestCredentialsAreThoseOfTheDockerConfig(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("ci:secret"))
	s := start(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Basic "+secret {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	_, err := registry.New().Digest(t.Context(), s.host+"/shop:1")
	require.ErrorContains(t, err, "docker login")
	config := `{"auths": {"` + s.host + `": {"auth": "` + secret + `"}}}`
	require.NoError(t, os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(config), 0o600))
	_, err = registry.New().Digest(t.Context(), s.host+"/shop:1")
	require.ErrorIs(t, err, catalog.ErrNoImage, "it is let in")
}

func TestCopyKeepsTheDigest(t *testing.T) {
	from, to := start(t, nil), start(t, nil)
	want := from.image(t, "team/shop:1.0.0")
	for _, source := range []string{"/team/shop:1.0.0", "/team/shop@" + want} {
		pinned, err := registry.New().Copy(t.Context(), from.host+source, to.host+"/live/shop:1.0.0")
		require.NoError(t, err)
		require.Equal(t, to.host+"/live/shop@"+want, pinned)
	}
	now, err := registry.New().Digest(t.Context(), to.host+"/live/shop:1.0.0")
	require.NoError(t, err)
	require.Equal(t, to.host+"/live/shop@"+want, now)
	readWhole(t, to.host+"/live/shop:1.0.0")
}

// readWhole reads every layer of an image, which verifies its digest.
func readWhole(t *testing.T, image string) {
	t.Helper()
	ref, err := name.ParseReference(image)
	require.NoError(t, err)
	img, err := remote.Image(ref)
	require.NoError(t, err)
	layers, err := img.Layers()
	require.NoError(t, err)
	require.NotEmpty(t, layers)
	for _, layer := range layers {
		r, err := layer.Compressed()
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
}

func TestCopyTakesAllPlatforms(t *testing.T) {
	from, to := start(t, nil), start(t, nil)
	index := mutate.IndexMediaType(mutate.AppendManifests(twoImages(t)), types.OCIImageIndex)
	ref, err := name.ParseReference(from.host + "/shop:1")
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(ref, index))

	pinned, err := registry.New().Copy(t.Context(), from.host+"/shop:1", to.host+"/shop:1")
	require.NoError(t, err)
	require.Equal(t, to.host+"/shop@"+digest(t, index), pinned)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 2)
	for _, child := range manifest.Manifests {
		readWhole(t, to.host+"/shop@"+child.Digest.String())
	}
}

func twoImages(t *testing.T) (base v1.ImageIndex, arm, amd mutate.IndexAddendum) {
	t.Helper()
	index, err := random.Index(64, 1, 0)
	require.NoError(t, err)
	make := func(architecture string) mutate.IndexAddendum {
		img, err := random.Image(256, 2)
		require.NoError(t, err)
		return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}}
	}
	return index, make("arm64"), make("amd64")
}

func TestCopyUnderTheVeryDigest(t *testing.T) {
	from, to := start(t, nil), start(t, nil)
	want := from.image(t, "shop:1")
	pinned, err := registry.New().Copy(t.Context(), from.host+"/shop:1", to.host+"/shop@"+want)
	require.NoError(t, err)
	require.Equal(t, to.host+"/shop@"+want, pinned)

	_, err = registry.New().Copy(t.Context(), from.host+"/shop:1", to.host+"/shop@sha256:"+strings.Repeat("a", 64))
	require.ErrorContains(t, err, "name the copy by a tag")
}

func TestCopyOfWhatIsNotThere(t *testing.T) {
	from, to := start(t, nil), start(t, nil)
	_, err := registry.New().Copy(t.Context(), from.host+"/shop:1", to.host+"/shop:1")
	require.ErrorIs(t, err, catalog.ErrNoImage)
	require.ErrorContains(t, err, "registry "+from.host)
}

func TestCopyNoticesARegistryThatChangesIt(t *testing.T) {
	from := start(t, nil)
	from.image(t, "shop:1")
	other := start(t, nil)
	other.image(t, "shop:1")
	// It takes manifests without keeping them, and answers another one.
	deaf := start(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case !strings.Contains(r.URL.Path, "/manifests/"):
			return false
		case r.Method == http.MethodPut:
			w.WriteHeader(http.StatusCreated)
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		default:
			http.Redirect(w, r, "http://"+other.host+"/v2/shop/manifests/1", http.StatusTemporaryRedirect)
		}
		return true
	})
	_, err := registry.New().Copy(t.Context(), from.host+"/shop:1", deaf.host+"/shop:1")
	require.ErrorContains(t, err, "changes what it is given")
}

func TestCopyBlamesWhoAnswered(t *testing.T) {
	from := start(t, nil)
	from.image(t, "shop:1")
	refusing := start(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusForbidden)
		}
		return r.Method == http.MethodPost
	})
	_, err := registry.New().Copy(t.Context(), from.host+"/shop:1", refusing.host+"/shop:1")
	require.ErrorContains(t, err, "run docker login "+refusing.host)

	broken := start(t, nil)
	broken.image(t, "shop:1")
	gone := start(t, func(w http.ResponseWriter, r *http.Request) bool {
		lost := r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
		if lost {
			w.WriteHeader(http.StatusNotFound)
		}
		return lost
	})
	gone.image(t, "shop:1")
	_, err = registry.New().Copy(t.Context(), gone.host+"/shop:1", broken.host+"/shop:1")
	require.ErrorContains(t, err, "registry "+gone.host+" lacks something")
	require.NotErrorIs(t, err, catalog.ErrNoImage)
}
