package router

import (
	"fmt"
	"strings"
	"time"

	"teal/catalog"
)

// aliasWords says what an alias points at, and what halts it.
func (x *explainer) aliasWords(depth int, a *aliasView) {
	switch {
	case a.Value.IsZero():
		x.say(depth, "Alias %s points at nothing yet.", a.Name)
	case a.Implied:
		x.say(depth, "Alias %s has no key and is the environment of that name; %d in flight through it.", a.Name, a.InFlight)
	default:
		x.say(depth, "Alias %s points at %s (index %d%s); %d in flight through it.", a.Name, a.Value, a.Index, a.flipped(), a.InFlight)
	}
	if a.Sticky != nil {
		parts := make([]string, len(a.Targets))
		for i, t := range a.Targets {
			parts[i] = t.words()
		}
		x.say(depth+1, "Split: %s. %s", strings.Join(parts, ", "), a.Sticky.words())
	}
	if a.Halt != nil {
		x.say(depth+1, "%s", a.Halt.words())
	}
}

// flipped says who flipped the alias last.
func (a *aliasView) flipped() string {
	switch {
	case a.FlippedByHand:
		return ", flipped by hand"
	case a.LastFlip != nil:
		return fmt.Sprintf(", flipped by %s at %s", a.LastFlip.By, clockText(a.LastFlip.At))
	}
	return ""
}

func (s *shareView) words() string {
	text := fmt.Sprintf("%s %.3g %%", s.Target, s.Percent)
	if s.Now != s.Percent {
		text += fmt.Sprintf(" (at present %.3g %%)", s.Now)
	}
	return text
}

func (s *stickyView) words() string {
	switch s.By {
	case catalog.StickyNone:
		return "Clients do not stay on their side."
	case catalog.StickyClient:
		return "Clients stay on their side by their address."
	}
	return fmt.Sprintf("Clients stay on their side by %s %s.", s.By, s.Name)
}

func (h *haltView) words() string {
	since := ""
	if !h.Since.IsZero() {
		since = " since " + clockText(h.Since)
	}
	if h.By != "" {
		since += " by " + h.By
	}
	if h.Kind == catalog.HaltMaintenance {
		return fmt.Sprintf("Under maintenance%s: requests are answered with 503.", since)
	}
	return fmt.Sprintf("Paused%s: requests wait for up to %s, %d of at most %d do in this router.",
		since, time.Duration(h.MaxWaitMS)*time.Millisecond, h.Waiting, h.MaxQueue)
}

// targetWords says how the targets and their instances are.
func (x *explainer) targetWords() {
	for i := range x.e.Targets {
		t := &x.e.Targets[i]
		live := "no alias points at it"
		if t.Live {
			live = "live"
		}
		release := "any release"
		if t.Release != nil {
			release = fmt.Sprintf("release %s (%s)", t.Release.ID, t.Release.State)
		}
		x.say(0, "Target %s: %s, %s, %s, %d in flight.", t.Name, live, release, counted(t.Routed, "instance gets requests", "instances get requests"), t.InFlight)
		if t.Held != nil {
			x.say(1, "Held since %s. %s", clockText(t.Held.Since), t.Held.Reason)
		}
		for n := range t.Instances {
			x.instanceWords(&t.Instances[n])
		}
	}
}

func (x *explainer) instanceWords(i *instanceView) {
	text := fmt.Sprintf("%s on %s", i.ID, i.Node)
	if !i.Gone {
		text += fmt.Sprintf(" at %s, %s, weight %d", addressOf(&i.Instance), i.Health, i.share())
	}
	text += fmt.Sprintf(", %d in flight", i.InFlight)
	switch {
	case i.Why != "":
		text += "; gets no requests: " + i.Why
	case i.Aside != nil:
		text += "; " + i.Aside.words()
	default:
		text += "; gets requests"
	}
	if i.Held {
		text += ", known from an earlier view"
	}
	if i.Warming > 0 {
		text += fmt.Sprintf(", in its slow start: %.0f %% of its share", 100*i.Warming)
	}
	x.say(1, "%s.", text)
	if i.Why != "" {
		x.checkWords(i)
	}
}

// checkWords quotes the checks of an instance that are not passing, for those
// who may read what they say.
func (x *explainer) checkWords(i *instanceView) {
	for _, c := range i.Checks {
		if c.Status != catalog.Passing && c.Output != "" {
			line, _, _ := strings.Cut(strings.TrimSpace(c.Output), "\n")
			x.say(2, "%s: %s", c.Name, line)
		}
	}
}

// share is the instance's weight.
func (i *instanceView) share() int {
	if i.ZeroWeight {
		return 0
	}
	return max(1, i.Weight)
}

func (a *asideView) words() string {
	text := fmt.Sprintf("set aside since %s until %s, as %s (%s in a row)", clockText(a.Since), clockText(a.Until), a.Reason, counted(a.Failures, "failure", "failures"))
	if a.Probing {
		text += ", one request is tried on it"
	}
	if a.Alone {
		text += ", but gets requests, as all are set aside"
	}
	return text
}

// counted is a number of things.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// clockText is a time in a sentence.
func clockText(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05.000 MST") }
