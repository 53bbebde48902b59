package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestBlame(t *testing.T) {
	broken, reset := &net.OpError{Err: syscall.EPIPE}, &net.OpError{Err: syscall.ECONNRESET}
	require.Equal(t, ClassGone, blame(up, reset), "the client reset what is read from it")
	require.Equal(t, ClassBroken, blame(up, broken), "the instance takes nothing any more")
	require.Equal(t, ClassBroken, blame(down, reset))
	require.Equal(t, ClassGone, blame(down, broken))
}

// TestSilence notes what interrupted copies have seen. Both ways must have been
// silent at the same time, for as long as the limit.
func TestSilence(t *testing.T) {
	type note struct {
		w          way
		begin, end int // seconds
		active     bool
		want       bool
	}
	for name, notes := range map[string][]note{
		"both":               {{up, 0, 5, false, false}, {down, 0, 5, false, false}, {up, 5, 10, false, false}, {down, 5, 10, false, true}},
		"one only":           {{up, 0, 5, false, false}, {up, 5, 10, false, false}, {up, 10, 15, false, false}, {up, 15, 20, false, false}},
		"one after other":    {{up, 0, 10, false, false}, {up, 10, 15, true, false}, {down, 0, 15, false, false}, {down, 15, 20, false, false}, {up, 15, 24, false, false}, {down, 20, 25, false, false}, {up, 24, 26, false, true}},
		"the other is stuck": {{down, 0, 5, true, false}, {up, 0, 10, false, false}, {up, 10, 20, false, false}, {up, 20, 90, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSilence(10 * time.Second)
			at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
			for i, n := range notes {
				require.Equal(t, n.want, s.note(n.w, span{at(n.begin), at(n.end)}, n.active), "note %d", i)
			}
		})
	}
	s := newSilence(time.Second)
	s.ended(up)
	now := time.Now()
	require.False(t, s.note(down, span{now, now.Add(time.Minute)}, false))
	require.True(t, s.note(down, span{now.Add(time.Minute), now.Add(2 * time.Minute)}, false), "a way that has ended is silent")
}

func TestAfterEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan struct{})
	stop := afterEnd(ctx, time.Millisecond, func() { close(called) })
	var stopped atomic.Bool
	afterEnd(ctx, 0, func() { stopped.Store(true) })()
	select {
	case <-called:
		require.Fail(t, "the context has not ended")
	default:
	}
	cancel()
	<-called
	stop()
	afterEnd(ctx, time.Hour, func() { stopped.Store(true) })()
	require.False(t, stopped.Load())
}

func TestLeaveTime(t *testing.T) {
	for range 100 {
		require.GreaterOrEqual(t, leaveTime(ShutdownGrace), ShutdownGrace/2)
		require.Less(t, leaveTime(ShutdownGrace), ShutdownGrace-leaveGrace)
	}
	require.Equal(t, time.Second, leaveTime(2*time.Second), "too short for all, so at its middle")
}

// silentSource tells one snapshot.
type silentSource struct{ snapshot catalog.Snapshot }

func (s silentSource) Watch(ctx context.Context, apply func(catalog.Snapshot)) error {
	apply(s.snapshot)
	<-ctx.Done()
	return ctx.Err()
}

// TestTCPEndOfTheRouter: told to end, it takes nothing new, and sees the others
// to their end.
func TestTCPEndOfTheRouter(t *testing.T) {
	instance, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer instance.Close()
	_, text, _ := net.SplitHostPort(instance.Addr().String())
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	s := &catalog.Service{
		Name: "db", Instances: []catalog.Instance{{ID: "i", Node: "n", Address: "127.0.0.1", Port: port, Target: bluePro, Health: catalog.Passing}},
		Aliases: map[string]catalog.Alias{"production": {Value: catalog.PointTo(bluePro)}},
		Config:  catalog.ServiceConfig{Traffic: catalog.Traffic{TCP: []catalog.TCPRoute{{Port: 7}}}},
	}
	listeners := make(chan net.Listener, 1)
	r, err := New(Options{
		ID: "r", Source: silentSource{with(catalog.Snapshot{}, "db", s)}, TCPPorts: Ports{{7, 7}},
		ListenTCP: func(context.Context, int) (net.Listener, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			listeners <- l
			return l, err
		},
	})
	require.NoError(t, err)
	r.tcp.grace = 2 * time.Second
	rear, endRear := context.WithCancel(t.Context())
	front, endFront := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- r.Run(rear) }()
	go func() { done <- r.TCP().Run(front) }()
	l := <-listeners
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	far, err := instance.Accept()
	require.NoError(t, err)
	defer far.Close()

	endFront()
	require.Eventually(t, func() bool {
		_, err := net.Dial("tcp", l.Addr().String())
		return errors.Is(err, syscall.ECONNREFUSED)
	}, 10*time.Second, time.Millisecond)
	go func() { _, _ = io.Copy(far, far); _ = far.Close() }()
	fmt.Fprintln(client, "still here")
	heard := make([]byte, 11)
	_, err = io.ReadFull(client, heard)
	require.NoError(t, err)
	_, err = client.Read(heard)
	require.Equal(t, io.EOF, err, "it was asked to leave")
	require.NoError(t, client.Close())
	require.NoError(t, <-done)
	require.Zero(t, r.InFlight())
	endRear()
	require.NoError(t, <-done)
}
