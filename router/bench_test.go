package router_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
	"teal/router"
)

// BenchmarkOneHop is a request through the router to an instance and back, and the
// same without the router, all in this process.
func BenchmarkOneHop(b *testing.B) {
	body := strings.Repeat("x", 200)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	defer up.Close()
	source := &fakeSource{snapshots: make(chan catalog.Snapshot), applied: make(chan struct{})}
	r, err := router.New(router.Options{Domain: "proxy.example", Source: source})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	source.snapshots <- catalog.Snapshot{Services: cow.Of(map[string]*catalog.Service{"web": web(catalog.PointTo(bluePro), instanceAt(b, up.URL, bluePro, "b1"))})}
	<-source.applied
	proxy := httptest.NewServer(r.Handler())
	b.Run("router", func(b *testing.B) { hop(b, proxy.URL) })
	b.Run("direct", func(b *testing.B) { hop(b, up.URL) })
	proxy.Close()
	cancel()
	require.NoError(b, <-done)
}

func hop(b *testing.B, url string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequest(http.MethodGet, url, nil)
			req.Host = "web.proxy.example"
			res, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK {
				b.Errorf("status %d", res.StatusCode)
				return
			}
		}
	})
}
