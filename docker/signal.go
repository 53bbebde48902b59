package docker

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"teal/catalog"
)

// firstRealtime is SIGRTMIN as the C library of Linux counts it, and Docker with
// it.
const firstRealtime = 34

// signalNumbers are those that images name to be stopped by, as Linux numbers
// them: the containers run on Linux, whatever this process runs on.
var signalNumbers = map[string]int{
	"HUP": 1, "INT": 2, "QUIT": 3, "ABRT": 6, "KILL": 9, "USR1": 10, "USR2": 12,
	"TERM": 15, "CONT": 18, "STOP": 19, "WINCH": 28, "PWR": 30,
	"RTMIN": firstRealtime,
}

// signalNumber reads a signal as an image names it: "SIGQUIT", "quit", "3",
// "SIGRTMIN+3". One that is unknown is 0.
func signalNumber(name string) int {
	if n, err := strconv.Atoi(name); err == nil {
		return n
	}
	base, plus, _ := strings.Cut(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "SIG"), "+")
	number := signalNumbers[base]
	offset, err := strconv.Atoi(plus)
	if number == firstRealtime && err == nil {
		return number + offset
	}
	return number
}

func signalOf(m events.Message) catalog.Signal {
	return catalog.Signal{Container: m.Actor.ID, Number: signalNumber(m.Actor.Attributes["signal"]), At: time.Unix(0, m.TimeNano)}
}

// Signals tells the signals that containers are sent, from now until ctx ends.
// Docker tells them after it has sent them. The channel is closed when the
// stream ends, for whatever reason; what is sent until the next Signals is
// unseen. The receiver must keep up: Docker does not wait for slow listeners.
func (e *Engine) Signals(ctx context.Context) (<-chan catalog.Signal, error) {
	// The SDK tells only afterwards that it could not subscribe.
	if err := e.Ping(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	messages, errs := e.api.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)), filters.Arg("event", string(events.ActionKill)))})
	signals := make(chan catalog.Signal)
	go func() {
		defer cancel()
		defer close(signals)
		for {
			select {
			case m := <-messages:
				select {
				case signals <- signalOf(m):
				case <-ctx.Done():
					return
				}
			case <-errs:
				return
			}
		}
	}()
	return signals, nil
}
