// Package notify tells people and tools how a deployment went: webhooks, Slack and
// those that take its messages, and receivers of CDEvents. It decides who wants to
// know, writes what each is told and sends it. When it is told is for its caller to
// say. No address, which may be secret, comes out of it.
package notify

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"teal/deployer/servicefile"
)

// Timeout is how long somebody who is told may take, with the second try.
const Timeout = 5 * time.Second

// Notifier tells somebody how a deployment went. It keeps nothing between calls
// and is safe for concurrent use.
type Notifier struct {
	Environ []string      // where addresses are looked up, in the form of os.Environ
	Timeout time.Duration // for each who is told; Timeout when 0
}

// Tell tells all at once and answers a sentence for each who could not be told,
// which holds no address. It returns when each was told or had its time; nothing
// goes on behind it.
func (n Notifier) Tell(ctx context.Context, all []servicefile.Notify, t Tidings) []string {
	notes := make([]string, len(all))
	var wait sync.WaitGroup
	for at, one := range all {
		wait.Go(func() {
			if err := n.tell(ctx, one, t); err != nil {
				notes[at] = fmt.Sprintf("%s was not told how the deployment stands: %s", one.Name(), err)
			}
		})
	}
	wait.Wait()
	return slices.DeleteFunc(notes, func(note string) bool { return note == "" })
}
