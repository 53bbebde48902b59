package plan

import (
	"encoding/json"
	"maps"
	"time"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// Manner is how a container was brought up, written on it: a later rollback has
// no service file to read it from.
type Manner struct {
	After   []servicefile.Dependency `json:"after,omitempty"`
	Settle  time.Duration            `json:"settle_ns"`
	Timeout time.Duration            `json:"timeout_ns"`
	Drain   time.Duration            `json:"drain_ns"`
}

// MannerFor is how a container is brought up that a service file makes.
func MannerFor(s *servicefile.Spec, c Container) Manner {
	return Manner{After: c.After, Settle: s.Settle, Timeout: s.Timeout, Drain: s.Drain}
}

// ToStart is the container as a host gets it whose instances have a weight, brought
// up in a manner. One that is always restarted would be even after it was stopped
// for good, whenever its host's engine starts; unless-stopped is the same but for
// that.
func (c Container) ToStart(weight int, how Manner) catalog.ContainerSpec {
	spec := c.On(weight)
	if spec.Restart == "always" {
		spec.Restart = "unless-stopped"
	}
	text, _ := json.Marshal(how) // it is plain
	spec.Labels = maps.Clone(spec.Labels)
	spec.Labels[catalog.LabelStart] = string(text)
	return spec
}

// MannerOf is how a container was brought up, or the defaults where it does not
// say.
func MannerOf(labels map[string]string) Manner {
	m := Manner{Settle: servicefile.DefaultSettle, Timeout: servicefile.DefaultTimeout, Drain: servicefile.DefaultDrain}
	if json.Unmarshal([]byte(labels[catalog.LabelStart]), &m) != nil {
		return Manner{Settle: servicefile.DefaultSettle, Timeout: servicefile.DefaultTimeout, Drain: servicefile.DefaultDrain}
	}
	return m
}
