package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
)

// DefaultReadyTimeout is how long a newcomer may take from getting the listeners
// to being ready.
const DefaultReadyTimeout = 2 * time.Minute

// greetTimeout bounds everything before the newcomer's own start-up, which is a
// few packets on a socket.
const greetTimeout = 5 * time.Second

// Offer offers this process's listeners to the one that is to succeed it.
type Offer struct {
	Path         string                      // of the Unix socket, mode 0600
	Listeners    map[string]*net.TCPListener // by name, such as "proxy"; they stay the caller's
	ReadyTimeout time.Duration               // 0 for DefaultReadyTimeout
	Logger       hclog.Logger
	// More answers further listeners, such as those that come and go, each time a
	// newcomer asks; nil for none. The map that it answers is not changed later.
	More func() map[string]*net.TCPListener
}

// Run answers newcomers of the same user, one after the other, until ctx ends or
// one of them is ready to succeed. It then calls retire and returns nil: this
// process is to stop accepting (see Polite), finish and exit. Closing its
// listeners hurts nobody, as the successor holds the same sockets.
//
// A newcomer that dies, gives up or takes longer than ReadyTimeout changes
// nothing; connections in the queue wait for this process all along. An error
// means that the socket can't be made or has broken: this process can then not
// be succeeded, but serves on.
func (o *Offer) Run(ctx context.Context, retire func()) error {
	l, err := listenUnix(o.Path)
	if err != nil {
		return fmt.Errorf("offer the listeners: %w", err)
	}
	defer l.Close()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close() // there is nothing to offer any more
			}
			return nil
		case err != nil:
			return fmt.Errorf("wait for a successor at %s: %w", o.Path, err)
		}
		if o.attend(ctx, wire{conn}) {
			_ = l.Close() // the path is the successor's
			retire()
			return nil
		}
	}
}

// attend deals with one newcomer and tells whether it succeeds this process.
func (o *Offer) attend(ctx context.Context, w wire) bool {
	defer w.Close()
	err := o.give(ctx, w)
	if err == nil {
		o.Logger.Info("a new process has the listeners; waiting until it is ready", "path", o.Path)
		err = o.awaitReady(ctx, w)
	}
	switch {
	case err == nil:
		o.Logger.Info("a new process serves now; this one retires", "path", o.Path)
		return true
	case ctx.Err() == nil:
		o.Logger.Warn("a hand-over came to nothing; this process goes on", "path", o.Path, "error", err)
	}
	return false
}

// give greets the newcomer and sends it the listeners.
func (o *Offer) give(ctx context.Context, w wire) error {
	defer w.until(ctx, greetTimeout)()
	if err := checkPeer(w.UnixConn); err != nil {
		return refuse(w, err)
	}
	greeting, err := w.receive()
	if err != nil {
		return fmt.Errorf("wait for the newcomer's greeting: %w", err)
	}
	greeting.drop()
	version, err := agree(greeting)
	if err != nil {
		return refuse(w, err)
	}
	if err := w.say(verbGreeting, fmt.Sprint(version)); err != nil {
		return fmt.Errorf("greet the newcomer: %w", err)
	}
	listeners := o.listeners()
	for _, name := range slices.Sorted(maps.Keys(listeners)) {
		if err := w.send(listeners[name], verbListener, name); err != nil {
			return refuse(w, fmt.Errorf("hand over the listener %s: %w", name, err))
		}
	}
	if err := w.say(verbAll); err != nil {
		return fmt.Errorf("end the list of listeners: %w", err)
	}
	return nil
}

// listeners is all that is handed over now.
func (o *Offer) listeners() map[string]*net.TCPListener {
	all := maps.Clone(o.Listeners)
	if o.More == nil {
		return all
	}
	if all == nil {
		return o.More()
	}
	maps.Copy(all, o.More())
	return all
}

func (o *Offer) awaitReady(ctx context.Context, w wire) error {
	timeout := o.ReadyTimeout
	if timeout == 0 {
		timeout = DefaultReadyTimeout
	}
	defer w.until(ctx, timeout)()
	p, err := w.receive()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the new process gave up or died before it was ready; see its log")
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(w, fmt.Errorf("the new process was not ready within %s; see its log for what it waits for", timeout))
	case err != nil:
		return fmt.Errorf("wait until the new process is ready: %w", err)
	}
	p.drop()
	if p.verb != verbReady {
		return refuse(w, fmt.Errorf("the new process said %q where only %q makes sense", p.verb, verbReady))
	}
	if err := w.say(verbRetiring); err != nil {
		return fmt.Errorf("promise the new process to retire: %w", err)
	}
	return nil
}

// refuse tells the newcomer why, and answers the same error.
func refuse(w wire, why error) error {
	_ = w.SetDeadline(time.Now().Add(greetTimeout))
	_ = w.say(verbRefused, why.Error()) // the newcomer may be gone; why matters more
	return why
}
