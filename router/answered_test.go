package router_test

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/fleet"
	"teal/router"
)

// onlyRouter is a world's router as a deployer asks it, over its admin API.
type onlyRouter struct{ admin string }

func (f onlyRouter) Routers(context.Context) ([]catalog.RouterRecord, error) {
	return []catalog.RouterRecord{{ID: "r1", Admin: f.admin}}, nil
}

func (f onlyRouter) Service(_ context.Context, name string) (*catalog.Service, error) {
	return &catalog.Service{Name: name}, nil
}

// traffic is what the world's router has counted of a target of web.
func (w *world) traffic(target catalog.Target) fleet.TrafficReport {
	w.t.Helper()
	client := fleet.NewClient(nil)
	defer client.Close()
	o := &fleet.Observer{Records: onlyRouter{w.admin.URL}, Ask: client}
	report, err := o.Traffic(w.t.Context(), "web", target)
	require.NoError(w.t, err)
	require.Empty(w.t, report.Silent)
	return report
}

// awaitTraffic waits until a target has had so many requests and errors since a
// report: what went wrong is counted after the client knows of it.
func (w *world) awaitTraffic(target catalog.Target, before fleet.TrafficReport, requests, errors uint64) fleet.Traffic {
	w.t.Helper()
	var since fleet.Traffic
	require.Eventually(w.t, func() bool {
		since = w.traffic(target).Sub(before)
		return since.Requests == requests && since.Errors == errors
	}, 20*time.Second, 5*time.Millisecond, "%d requests and %d errors were to be counted", requests, errors)
	return since
}

// slowness is how long /slow takes.
const slowness = 60 * time.Millisecond

// moody answers as its path says.
func moody(t *testing.T) string {
	t.Helper()
	return serveUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/500":
			w.WriteHeader(http.StatusInternalServerError)
		case "/404":
			w.WriteHeader(http.StatusNotFound)
		case "/slow":
			<-time.After(slowness)
		case "/endless":
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/breaks":
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/silent":
			panic(http.ErrAbortHandler)
		}
	}).URL
}

func TestTrafficIsCounted(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, moody(t), bluePro, "b1")))
	for _, c := range []struct {
		path   string
		errors uint64
	}{
		{"/", 0},
		{"/404", 0},
		{"/500", 1},
		{"/breaks", 1},
		{"/silent", 1},
	} {
		t.Run(c.path, func(t *testing.T) {
			before := w.traffic(bluePro)
			res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", c.path, nil))
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, res.Body) // it may break off
			_ = res.Body.Close()
			w.awaitTraffic(bluePro, before, 1, c.errors)
		})
	}
	require.Zero(t, w.traffic(greenPro).Total().Requests)
	_, body := w.adminGet("/metrics")
	require.Contains(t, body, `teal_answer_begin_seconds_count{service="web",target="blue-production"} 5`)
	require.Contains(t, body, `teal_answer_begin_seconds_bucket{service="web",target="blue-production",le="60"} 5`)
	require.NotContains(t, body, `teal_answer_begin_seconds_count{service="web",target="green-production"}`)
}

func TestTrafficKnowsHowLongAnswersTook(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, moody(t), bluePro, "b1")))
	before := w.traffic(bluePro)
	for range 3 {
		w.get("web.proxy.example", "/slow")
	}
	slow := w.awaitTraffic(bluePro, before, 3, 0)
	require.Greater(t, slow.Quantile(0.01), 50*time.Millisecond, "the bucket that 60 ms are in begins there")
	for _, b := range slow.Buckets {
		require.True(t, b.LE == 0 || b.LE > 50 || b.Count == 0, "%+v", b)
	}
	require.EqualValues(t, 3, slow.Buckets[len(slow.Buckets)-1].Count)
}

func TestTrafficHasWhatNoInstanceTook(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, refusing(t), bluePro, "b1")))
	before := w.traffic(bluePro)
	res, _ := w.get("web.proxy.example", "/")
	require.Equal(t, http.StatusBadGateway, res.StatusCode)
	w.awaitTraffic(bluePro, before, 1, 1)
}

func TestTrafficBlamesNobodyForClientsThatLeave(t *testing.T) {
	w := newWorld(t, nil)
	url, arrived, _ := holding(t)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, url, bluePro, "b1")))
	before := w.traffic(bluePro)
	req := w.request(http.MethodGet, "web.proxy.example", "/", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-arrived
		time.AfterFunc(slowness, cancel)
	}()
	_, err := http.DefaultTransport.RoundTrip(req.WithContext(ctx))
	require.Error(t, err)
	gone := w.awaitTraffic(bluePro, before, 1, 0)
	require.Greater(t, gone.Quantile(0.01), 10*time.Millisecond, "it had waited so long in vain")
}

func TestTrafficCountsAnswersThatGoOn(t *testing.T) {
	w := newWorld(t, nil)
	w.apply(7, web(catalog.PointTo(bluePro), instanceAt(t, moody(t), bluePro, "b1")))
	before := w.traffic(bluePro)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	res, err := http.DefaultTransport.RoundTrip(w.request(http.MethodGet, "web.proxy.example", "/endless", nil).WithContext(ctx))
	require.NoError(t, err)
	w.awaitTraffic(bluePro, before, 1, 0)
	require.EqualValues(t, 1, w.inFlight("blue-production"))
	cancel()
	_ = res.Body.Close()
	require.Eventually(t, func() bool { return w.inFlight("blue-production") == 0 }, 20*time.Second, 5*time.Millisecond)
	w.awaitTraffic(bluePro, before, 1, 0) // not once more at its end
}

func TestTrafficLivesOnAcrossTables(t *testing.T) {
	var later atomic.Int64
	w := newWorld(t, func(o *router.Options) {
		o.Now = func() time.Time { return may.Add(time.Duration(later.Load())) }
	})
	url := moody(t)
	blue, green := instanceAt(t, url, bluePro, "b1"), instanceAt(t, url, greenPro, "g1")
	w.apply(7, web(catalog.PointTo(bluePro), blue))
	first := w.traffic(bluePro)
	w.get("web.proxy.example", "/500")
	w.apply(8, web(catalog.PointTo(greenPro), blue, green))
	w.get("web.proxy.example", "/")
	w.get("web.proxy.example", "/")
	w.awaitTraffic(greenPro, fleet.TrafficReport{At: may.Add(-time.Hour)}, 2, 0)
	w.awaitTraffic(bluePro, first, 1, 1)

	released := web(catalog.PointTo(greenPro), green)
	released.Releases = map[catalog.Target]catalog.Release{bluePro: {ID: "r1", State: catalog.Staging, At: may}}
	w.apply(9, released)
	w.awaitTraffic(bluePro, first, 1, 1) // though its only instance has died
	w.apply(10, web(catalog.PointTo(greenPro), green))
	later.Store(int64(time.Second))
	w.apply(11, web(catalog.PointTo(greenPro), blue, green))
	again := w.traffic(bluePro)
	require.Zero(t, again.Total().Requests)
	require.Equal(t, may.Add(time.Second), again.Routers[0].Traffic.Since, "it was forgotten, and says so")
	require.Equal(t, may, first.Routers[0].Traffic.Since)
}

func TestTrafficCountsConnections(t *testing.T) {
	w := newTCPWorld(t, nil)
	w.apply(1, db(catalog.PointTo(bluePro), instanceAt(t, greeter(t, "blue"), bluePro, "b1")))
	before := w.traffic(bluePro)
	c := w.dial(5432)
	require.Equal(t, "blue", c.line())
	w.awaitTraffic(bluePro, before, 1, 0)
	require.EqualValues(t, 1, w.inFlight("blue-production"), "it counts while it lasts")
	w.apply(2, db(catalog.PointTo(greenPro), instanceAt(t, refusing(t), greenPro, "g1")))
	w.dial(5432).ended()
	w.awaitTraffic(greenPro, fleet.TrafficReport{}, 1, 1)
	w.awaitTraffic(bluePro, before, 1, 0)
}
