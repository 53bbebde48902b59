package docker

import (
	"encoding/json"
	"fmt"

	"github.com/docker/docker/api/types/container"

	"teal/catalog"
)

// options are what a container was asked to have and engines tell only mixed with
// their own defaults and those of the image. They are written on it.
type options struct {
	Healthcheck *catalog.Healthcheck `json:"healthcheck,omitempty"`
}

func optionsOf(spec catalog.ContainerSpec) options { return options{Healthcheck: spec.Healthcheck} }

// label is where the options are read back from; none where there are none.
func (o options) label() string {
	text, _ := json.Marshal(o) // they are plain
	if string(text) == "{}" {
		return ""
	}
	return string(text)
}

// restore gives a spec the options that a label says. One that was made without
// any has no such label.
func (o options) restore(spec *catalog.ContainerSpec) { spec.Healthcheck = o.Healthcheck }

func parseOptions(label string) (o options, err error) {
	if label == "" {
		return o, nil
	}
	if err := json.Unmarshal([]byte(label), &o); err != nil {
		return o, fmt.Errorf("read its label %s: %w", catalog.LabelOptions, err)
	}
	return o, nil
}

// healthConfig is a check as the engine wants it; nil leaves it to the image.
func healthConfig(h *catalog.Healthcheck) *container.HealthConfig {
	if h == nil {
		return nil
	}
	return &container.HealthConfig{
		Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, Retries: h.Retries,
		StartPeriod: h.StartPeriod, StartInterval: h.StartInterval,
	}
}
