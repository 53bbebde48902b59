package process

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"teal/catalog"
)

// digest names the command line, as an image's digest names its content.
func (i Image) digest() string {
	sum := sha256.Sum256([]byte(strings.Join(i.Command, "\x00")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// commandLine is what a spec of this image runs. As in Docker, an entrypoint
// takes the place of the image's and a command follows.
func (i Image) commandLine(spec catalog.ContainerSpec) []string {
	line := i.Command
	if len(spec.Entrypoint) > 0 {
		line = spec.Entrypoint
	}
	return append(line[:len(line):len(line)], spec.Command...)
}
