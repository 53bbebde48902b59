package router_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router"
	"teal/router/edge"
)

// within is how long the tests wait for what must happen.
const within = 30 * time.Second

// tcpWorld is a running router that opens ports, at addresses of its own.
type tcpWorld struct {
	*world
	mu        sync.Mutex
	addresses map[int]string // of the open ports
	taken     map[int]bool   // ports that can't be opened
}

func newTCPWorld(t *testing.T, change func(*router.Options)) *tcpWorld {
	t.Helper()
	w := &tcpWorld{addresses: map[int]string{}, taken: map[int]bool{}}
	w.world = newWorld(t, func(o *router.Options) {
		o.TCPPorts, o.ListenTCP = router.Ports{{First: 5000, Last: 5999}}, w.listen
		if change != nil {
			change(o)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.router.TCP().Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return w
}

// listen opens a port at a free address.
func (w *tcpWorld) listen(ctx context.Context, port int) (net.Listener, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.taken[port] {
		return nil, fmt.Errorf("listen at :%d: %w", port, syscall.EADDRINUSE)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		w.addresses[port] = l.Addr().String()
		l = &recordedListener{l, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.addresses, port)
		}}
	}
	return l, err
}

// recordedListener tells when it is closed.
type recordedListener struct {
	net.Listener
	closed func()
}

func (l *recordedListener) Close() error {
	l.closed()
	return l.Listener.Close()
}

func (w *tcpWorld) addressOf(port int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.addresses[port]
}

// tcpClient is a connection to a port of the router.
type tcpClient struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func clientOn(t *testing.T, c net.Conn) *tcpClient {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(within)))
	return &tcpClient{t, c, bufio.NewReader(c)}
}

func (w *tcpWorld) dial(port int) *tcpClient {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.addressOf(port) != "" }, within, time.Millisecond, "port %d is opened", port)
	c, err := net.Dial("tcp", w.addressOf(port))
	require.NoError(w.t, err)
	return clientOn(w.t, c)
}

func (c *tcpClient) line() string {
	c.t.Helper()
	text, err := c.lines.ReadString('\n')
	require.NoError(c.t, err)
	return text[:len(text)-1]
}

func (c *tcpClient) say(text string) {
	c.t.Helper()
	_, err := io.WriteString(c, text+"\n")
	require.NoError(c.t, err)
}

// ended requires that the router closes the connection.
func (c *tcpClient) ended() {
	c.t.Helper()
	_, err := c.lines.ReadByte()
	require.True(c.t, errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET), "%v", err)
}

// greeter is an instance that says its name and then what it is told. At the end
// of that it says goodbye.
func greeter(t *testing.T, name string) string {
	t.Helper()
	return tcpInstance(t, func(c net.Conn) {
		if _, err := fmt.Fprintln(c, name); err == nil {
			if _, err = io.Copy(c, c); err == nil {
				fmt.Fprintln(c, "goodbye")
			}
		}
	})
}

func tcpInstance(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.Map
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(c, nil)
			group.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		group.Wait()
	})
	return l.Addr().String()
}

// db is web, at the port 5432.
func db(value catalog.AliasValue, instances ...catalog.Instance) *catalog.Service {
	for i := range instances {
		instances[i].Protocol = catalog.ProtocolTCP
	}
	s := web(value, instances...)
	s.Config.TCP = []catalog.TCPRoute{{Port: 5432}, {SNI: "*.db.example"}}
	return s
}

func (w *tcpWorld) awaitInFlight(target string, n int64) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.inFlight(target) == n }, within, time.Millisecond, "in flight on %s: %d", target, n)
}

func (w *tcpWorld) metrics() string {
	_, body := w.adminGet("/metrics")
	return body
}

// TestTCPFlip is a flip as a deployer sees it: new connections go to the new
// target, the old ones go on and are counted, and none is left in the end.
func TestTCPFlip(t *testing.T) {
	w := newTCPWorld(t, nil)
	blue := instanceAt(t, greeter(t, "blue"), bluePro, "b1")
	green := instanceAt(t, greeter(t, "green"), greenPro, "g1")
	w.apply(1, db(catalog.PointTo(bluePro), blue, green))
	old := w.dial(5432)
	require.Equal(t, "blue", old.line())
	w.awaitInFlight("blue-production", 1)

	w.apply(2, db(catalog.PointTo(greenPro), blue, green))
	fresh := w.dial(5432)
	require.Equal(t, "green", fresh.line())
	old.say("still here")
	require.Equal(t, "still here", old.line())
	require.EqualValues(t, 1, w.inFlight("blue-production"))
	require.EqualValues(t, 1, w.inFlight("green-production"))

	require.NoError(t, old.Close())
	w.awaitInFlight("blue-production", 0)
	fresh.say("on")
	require.Equal(t, "on", fresh.line())
	require.Contains(t, w.metrics(), `teal_requests_total{class="2xx",service="web",target="blue-production"} 1`)
}

// TestTCPLeavesPolitely: when the drain time is over, who is still on the old
// target gets a FIN, and so does the instance.
func TestTCPLeavesPolitely(t *testing.T) {
	w := newTCPWorld(t, nil)
	instanceSaw := make(chan error, 1)
	blue := instanceAt(t, tcpInstance(t, func(c net.Conn) {
		fmt.Fprintln(c, "blue")
		_, err := io.Copy(io.Discard, c)
		instanceSaw <- err
	}), bluePro, "b1")
	green := instanceAt(t, greeter(t, "green"), greenPro, "g1")
	service := func(v catalog.AliasValue) *catalog.Service {
		s := db(v, blue, green)
		s.Config.DrainMS = 1
		return s
	}
	w.apply(1, service(catalog.PointTo(bluePro)))
	old := w.dial(5432)
	require.Equal(t, "blue", old.line())
	w.apply(2, service(catalog.PointTo(greenPro)))
	_, err := old.lines.ReadByte()
	require.Equal(t, io.EOF, err, "not a reset")
	require.NoError(t, <-instanceSaw)
	require.NoError(t, old.Close())
	w.awaitInFlight("blue-production", 0)
	require.Contains(t, w.metrics(), `teal_requests_total{class="2xx",service="web",target="blue-production"} 1`)
}

func TestTCPHalfClose(t *testing.T) {
	w := newTCPWorld(t, nil)
	w.apply(1, db(catalog.PointTo(bluePro), instanceAt(t, greeter(t, "blue"), bluePro, "b1")))
	c := w.dial(5432)
	c.say("hello")
	require.NoError(t, c.Conn.(*net.TCPConn).CloseWrite())
	require.Equal(t, "blue", c.line())
	require.Equal(t, "hello", c.line())
	require.Equal(t, "goodbye", c.line(), "which the instance says when it has seen the end")
	c.ended()
	w.awaitInFlight("blue-production", 0)
}

// TestTCPBrokenOff: what an instance broke off does not look complete.
func TestTCPBrokenOff(t *testing.T) {
	w := newTCPWorld(t, nil)
	w.apply(1, db(catalog.PointTo(bluePro), instanceAt(t, tcpInstance(t, func(c net.Conn) {
		fmt.Fprintln(c, "half of it")
		_, _ = c.Read(make([]byte, 100))
		_ = c.(*net.TCPConn).SetLinger(0)
	}), bluePro, "b1")))
	c := w.dial(5432)
	require.Equal(t, "half of it", c.line())
	c.say("go on")
	_, err := c.lines.ReadByte()
	require.ErrorIs(t, err, syscall.ECONNRESET)
	w.awaitInFlight("blue-production", 0)
	require.Contains(t, w.metrics(), `teal_requests_total{class="broken",service="web",target="blue-production"} 1`)
}

func TestTCPClientGone(t *testing.T) {
	w := newTCPWorld(t, nil)
	w.apply(1, db(catalog.PointTo(bluePro), instanceAt(t, greeter(t, "blue"), bluePro, "b1")))
	c := w.dial(5432)
	require.Equal(t, "blue", c.line())
	require.NoError(t, c.Conn.(*net.TCPConn).SetLinger(0))
	require.NoError(t, c.Close())
	w.awaitInFlight("blue-production", 0)
	require.Contains(t, w.metrics(), `teal_requests_total{class="gone",service="web",target="blue-production"} 1`)
}

// TestTCPDialFailure: as nothing was sent, another instance takes the connection,
// and the dead one is set aside.
func TestTCPDialFailure(t *testing.T) {
	w := newTCPWorld(t, nil)
	s := db(catalog.PointTo(bluePro), instanceAt(t, refusing(t), bluePro, "dead"), instanceAt(t, greeter(t, "alive"), bluePro, "alive"))
	s.Config.Balance = catalog.RoundRobin
	w.apply(1, s)
	for range 6 {
		c := w.dial(5432)
		require.Equal(t, "alive", c.line())
		require.NoError(t, c.Close())
	}
	require.Regexp(t, passedOver, w.metrics())
	require.Regexp(t, `teal_set_aside_total\{service="web",target="blue-production"\} [12]\n`, w.metrics())
	w.awaitInFlight("blue-production", 0)
}

func TestTCPNobodyAnswers(t *testing.T) {
	w := newTCPWorld(t, nil)
	w.apply(1, db(catalog.PointTo(bluePro), instanceAt(t, refusing(t), bluePro, "dead")))
	w.dial(5432).ended()
	require.Eventually(t, func() bool { return w.inFlight("blue-production") == 0 }, within, time.Millisecond)
	require.Contains(t, w.metrics(), `teal_requests_total{class="5xx",service="web",target="blue-production"} 1`)
	require.Contains(t, w.metrics(), `teal_own_answers_total{code="refused"} 1`)
}

func TestTCPPortsFollowTheConfiguration(t *testing.T) {
	w := newTCPWorld(t, nil)
	blue := instanceAt(t, greeter(t, "blue"), bluePro, "b1")
	at := func(index uint64, routes ...catalog.TCPRoute) {
		s := db(catalog.PointTo(bluePro), blue)
		s.Config.TCP = routes
		w.apply(index, s)
	}
	at(1, catalog.TCPRoute{Port: 5001}, catalog.TCPRoute{Port: 6000})
	open := w.dial(5001)
	require.Equal(t, "blue", open.line())
	require.Empty(t, w.addressOf(6000), "it is outside what the operator allows")
	_, problems := w.adminGet("/v1/problems")
	require.Contains(t, problems, "this router opens only the ports 5000-5999 for services")

	at(2, catalog.TCPRoute{Port: 5002})
	require.Equal(t, "blue", w.dial(5002).line())
	require.Eventually(t, func() bool { return w.addressOf(5001) == "" }, within, time.Millisecond)
	open.say("still here")
	require.Equal(t, "still here", open.line())
	_, body := w.adminGet("/v1/services/web")
	require.Contains(t, body, `"port": 5002`)

	at(3)
	require.Eventually(t, func() bool { return w.addressOf(5002) == "" }, within, time.Millisecond)
}

func TestTCPPortThatIsTaken(t *testing.T) {
	w := newTCPWorld(t, nil)
	w.taken[5432] = true
	w.apply(1, db(catalog.PointTo(bluePro), instanceAt(t, greeter(t, "blue"), bluePro, "b1")))
	problems := func() string { _, body := w.adminGet("/v1/services/web"); return body }
	require.Eventually(t, func() bool { return len(problems()) > 0 }, within, time.Millisecond)
	require.Eventually(t, func() bool {
		_, body := w.adminGet("/v1/problems")
		return body != "[]\n"
	}, within, time.Millisecond)
	require.Contains(t, problems(), "port 5432 can't be opened here and is tried again every second: listen at :5432: address already in use")
	require.Contains(t, w.metrics(), "teal_problems 1")
	w.mu.Lock()
	delete(w.taken, 5432)
	w.mu.Unlock()
	require.Equal(t, "blue", w.dial(5432).line())
	require.Eventually(t, func() bool { _, body := w.adminGet("/v1/problems"); return body == "[]\n" }, within, time.Millisecond)
}

// TestTCPRealPort opens one as the default does.
func TestTCPRealPort(t *testing.T) {
	free := freePort(t)
	w := newTCPWorld(t, func(o *router.Options) { o.TCPPorts, o.ListenTCP = router.Ports{{First: free, Last: free}}, nil })
	s := db(catalog.PointTo(bluePro), instanceAt(t, greeter(t, "blue"), bluePro, "b1"))
	s.Config.TCP = []catalog.TCPRoute{{Port: free}}
	w.apply(1, s)
	var c net.Conn
	require.Eventually(t, func() bool {
		var err error
		c, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", free))
		return err == nil
	}, within, time.Millisecond)
	require.Equal(t, "blue", clientOn(t, c).line())
}

func TestTCPPauseHolds(t *testing.T) {
	w := newTCPWorld(t, nil)
	blue := instanceAt(t, greeter(t, "blue"), bluePro, "b1")
	green := instanceAt(t, greeter(t, "green"), greenPro, "g1")
	paused := db(catalog.PointTo(bluePro), blue, green)
	paused.Halts = map[string]catalog.Halt{"production": {Kind: catalog.HaltPause}}
	w.apply(1, paused)
	c := w.dial(5432)
	c.say("said while it waits")
	w.apply(2, paused)
	require.Zero(t, w.router.InFlight())
	w.apply(3, db(catalog.PointTo(greenPro), blue, green))
	require.Equal(t, "green", c.line(), "it waited for what comes after the pause")
	require.Equal(t, "said while it waits", c.line())
}

func TestTCPMaintenanceCloses(t *testing.T) {
	w := newTCPWorld(t, nil)
	s := db(catalog.PointTo(bluePro), instanceAt(t, greeter(t, "blue"), bluePro, "b1"))
	s.Halts = map[string]catalog.Halt{"production": {Kind: catalog.HaltMaintenance}}
	w.apply(1, s)
	w.dial(5432).ended()
	require.Contains(t, w.metrics(), `teal_own_answers_total{code="maintenance"} 1`)
}

func TestTCPLimit(t *testing.T) {
	w := newTCPWorld(t, nil)
	s := db(catalog.PointTo(bluePro), instanceAt(t, greeter(t, "blue"), bluePro, "b1"))
	s.Config.MaxInFlight = 1
	w.apply(1, s)
	first := w.dial(5432)
	require.Equal(t, "blue", first.line())
	w.dial(5432).ended()
	require.Contains(t, w.metrics(), `teal_own_answers_total{code="busy"} 1`)
	require.NoError(t, first.Close())
	w.awaitInFlight("blue-production", 0)
	require.Eventually(t, func() bool {
		c := w.dial(5432)
		text, err := c.lines.ReadString('\n')
		return err == nil && text == "blue\n"
	}, within, time.Millisecond)
}

func TestTCPIdle(t *testing.T) {
	t.Parallel()
	w := newTCPWorld(t, func(o *router.Options) { o.TCPIdle = 4 * time.Second })
	w.apply(1, db(catalog.PointTo(bluePro), instanceAt(t, greeter(t, "blue"), bluePro, "b1")))
	c := w.dial(5432)
	require.Equal(t, "blue", c.line())
	for range 5 { // for longer than the limit
		c.say("on")
		require.Equal(t, "on", c.line())
		time.Sleep(time.Second)
	}
	c.ended()
	w.awaitInFlight("blue-production", 0)
}

// TestTCPByName passes TLS connections through to the service that declared
// their name, undecrypted, behind the Split that would give the rest to HTTPS.
func TestTCPByName(t *testing.T) {
	w := newTCPWorld(t, nil)
	certificate := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(certificate.Close)
	blue := tcpInstance(t, func(c net.Conn) {
		s := tls.Server(c, &tls.Config{Certificates: certificate.TLS.Certificates})
		if s.Handshake() == nil {
			fmt.Fprintln(s, "blue for "+s.ConnectionState().ServerName)
			_, _ = io.Copy(s, s)
		}
		_ = s.CloseWrite()
	})
	w.apply(1, db(catalog.PointTo(bluePro), instanceAt(t, blue, bluePro, "b1")))
	require.True(t, w.router.TCP().TakesSNI("A.db.example."))
	require.False(t, w.router.TCP().TakesSNI("db.example"))
	require.False(t, w.router.TCP().TakesSNI(""))

	address := w.serveTLS(t)
	for range 3 {
		raw, err := net.Dial("tcp", address)
		require.NoError(t, err)
		secure := tls.Client(raw, &tls.Config{ServerName: "one.db.example", InsecureSkipVerify: true})
		c := clientOn(t, secure)
		require.Equal(t, "blue for one.db.example", c.line())
		c.say("on")
		require.Equal(t, "on", c.line())
		require.EqualValues(t, 1, w.inFlight("blue-production"))
		require.NoError(t, secure.CloseWrite())
		c.ended()
		require.NoError(t, secure.Close())
		w.awaitInFlight("blue-production", 0)
	}
}

// serveTLS has a Split give the claimed connections to the router.
func (w *tcpWorld) serveTLS(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	split := edge.NewSplit(edge.SplitOptions{From: l, Claims: func(h edge.Hello) bool { return w.router.TCP().TakesSNI(h.ServerName) }})
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = split.Run(ctx) })
	group.Go(func() {
		w.router.TCP().ServeTLS(ctx, split.Services(), func(c net.Conn) string { return c.(*edge.Peeked).Hello.ServerName })
	})
	t.Cleanup(func() { cancel(); group.Wait() })
	return l.Addr().String()
}

func TestTCPByNameOfNobody(t *testing.T) {
	w := newTCPWorld(t, nil)
	w.apply(1, db(catalog.PointTo(bluePro)))
	for _, name := range []string{"", "other.example", "a.db.example"} {
		ours, theirs := net.Pipe()
		w.router.TCP().ServeConn(t.Context(), theirs, name)
		_, err := ours.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err, name)
	}
}
