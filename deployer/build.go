package deployer

import "time"

// Build is how a part's image is built, as Compose says it.
type Build struct {
	Context    string `json:"-"` // a folder, absolute: it differs from machine to machine
	Dockerfile string // its path from Context; empty for Docker's default
	Target     string // the stage; empty for the last
	Args       map[string]string
}

// SelfTest tries an image by itself, in a container without a network or anything
// else of its service, before it goes anywhere.
type SelfTest struct {
	Part    string   // whose image
	Command []string // instead of the image's own entrypoint and command
	Timeout time.Duration
}
