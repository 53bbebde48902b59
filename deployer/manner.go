package deployer

import (
	"encoding/json"
	"maps"
	"time"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// manner is how a container was brought up, written on it: a later rollback has
// no service file to read it from.
type manner struct {
	After   []servicefile.Dependency `json:"after,omitempty"`
	Settle  time.Duration            `json:"settle_ns"`
	Timeout time.Duration            `json:"timeout_ns"`
	Drain   time.Duration            `json:"drain_ns"`
}

// toStart is a planned container as a host gets it. One that is always restarted
// would be even after it was stopped for good, whenever its host's engine starts;
// unless-stopped is the same but for that.
func (w work) toStart(c PlannedContainer, weight int) catalog.ContainerSpec {
	spec := c.On(weight)
	if spec.Restart == "always" {
		spec.Restart = "unless-stopped"
	}
	text, _ := json.Marshal(manner{c.After, w.spec.Settle, w.spec.Timeout, w.spec.Drain}) // it is plain
	spec.Labels = maps.Clone(spec.Labels)
	spec.Labels[catalog.LabelStart] = string(text)
	return spec
}

// mannerOf is how a container was brought up, or the defaults where it does not
// say.
func mannerOf(labels map[string]string) manner {
	m := manner{Settle: servicefile.DefaultSettle, Timeout: servicefile.DefaultTimeout, Drain: servicefile.DefaultDrain}
	if json.Unmarshal([]byte(labels[catalog.LabelStart]), &m) != nil {
		return manner{Settle: servicefile.DefaultSettle, Timeout: servicefile.DefaultTimeout, Drain: servicefile.DefaultDrain}
	}
	return m
}
