package docker

import (
	"encoding/json"
	"fmt"

	"teal/catalog"
)

// options are what a container was asked to have and engines tell only mixed with
// their own defaults and those of the image. They are written on it.
type options struct {
	Healthcheck *catalog.Healthcheck `json:"healthcheck,omitempty"`
	Sandbox     catalog.Sandbox      `json:"sandbox,omitzero"`
}

func optionsOf(spec catalog.ContainerSpec) options {
	return options{Healthcheck: spec.Healthcheck, Sandbox: spec.Sandbox}
}

// label is where the options are read back from; none where there are none.
func (o options) label() string {
	text, _ := json.Marshal(o) // they are plain
	if string(text) == "{}" {
		return ""
	}
	return string(text)
}

// restore gives a spec the options again.
func (o options) restore(spec *catalog.ContainerSpec) {
	spec.Healthcheck, spec.Sandbox = o.Healthcheck, o.Sandbox
}

// parseOptions reads a label. A container that was made without any has none.
func parseOptions(label string) (o options, err error) {
	if label == "" {
		return o, nil
	}
	if err := json.Unmarshal([]byte(label), &o); err != nil {
		return o, fmt.Errorf("read its label %s: %w", catalog.LabelOptions, err)
	}
	return o, nil
}
