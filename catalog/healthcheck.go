package catalog

import "time"

// Healthcheck is how a runtime finds out by itself how a container does. What is
// left out is as the image says, else as the runtime does it.
type Healthcheck struct {
	// Test is Docker's: CMD and a command, CMD-SHELL and a line for the shell, or
	// NONE for no check at all.
	Test          []string      `json:",omitempty"`
	Interval      time.Duration `json:",omitzero"`
	Timeout       time.Duration `json:",omitzero"` // of one run
	Retries       int           `json:",omitzero"` // failures in a row until it is unhealthy
	StartPeriod   time.Duration `json:",omitzero"` // for which failures do not count
	StartInterval time.Duration `json:",omitzero"` // between runs in the start period
}

// The first word of a Healthcheck's Test.
const (
	HealthcheckNone    = "NONE"
	HealthcheckCommand = "CMD"
	HealthcheckShell   = "CMD-SHELL"
)
