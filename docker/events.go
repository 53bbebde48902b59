package docker

import (
	"context"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// hints are the events after which a list may differ. The runs of a container's
// own HEALTHCHECK (exec_*) are not among them; they come every few seconds.
var hints = []events.Action{
	events.ActionCreate, events.ActionStart, events.ActionDie, events.ActionStop,
	events.ActionDestroy, events.ActionRename, events.ActionUpdate,
	events.ActionPause, events.ActionUnPause, events.ActionHealthStatus,
	events.ActionConnect, events.ActionDisconnect,
}

// Changes tells that something about the containers may have changed, from now
// until ctx ends. The events carry nothing and are coalesced: the receiver lists
// again. The channel is closed when the stream ends, for whatever reason; what
// happened until the next Changes is unseen.
func (e *Engine) Changes(ctx context.Context) (<-chan struct{}, error) {
	// The SDK tells only afterwards that it could not subscribe.
	if err := e.Ping(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	messages, errs := e.api.Events(ctx, events.ListOptions{Filters: hintFilter()})
	changes := make(chan struct{}, 1)
	deaf := e.memory.attend()
	go func() {
		defer cancel()
		defer close(changes)
		defer deaf()
		for {
			select {
			case m := <-messages:
				e.memory.hear(m)
				select {
				case changes <- struct{}{}:
				default: // a hint is waiting already
				}
			case <-errs:
				return
			}
		}
	}()
	return changes, nil
}

func hintFilter() filters.Args {
	args := filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)),
		filters.Arg("type", string(events.NetworkEventType)))
	for _, action := range hints {
		args.Add("event", string(action))
	}
	return args
}
