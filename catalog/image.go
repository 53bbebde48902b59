package catalog

import (
	"errors"
	"time"
)

// ErrNoImage: the host or registry has no such image. It is wrapped in an error
// that says which and where; compare with errors.Is.
var ErrNoImage = errors.New("there is no such image")

// ErrInUse: the image stays, as a container, running or not, is made from it, or
// another image is built on it. It is wrapped in an error that says which and
// where; compare with errors.Is.
var ErrInUse = errors.New("it is in use")

// Image is one image as a host has it.
type Image struct {
	ID      string    // its digest on the host
	Tags    []string  // the names it has there: "registry:5000/shop:1.0.0"
	Digests []string  // the same with a registry's digest: "registry:5000/shop@sha256:…"
	Created time.Time // when it was built
	Size    int64     // bytes
}

// BuildSpec is what an image is built from.
type BuildSpec struct {
	Context    string // a folder, absolute
	Dockerfile string // its path from Context; empty for Docker's default
	Target     string // the stage; empty for the last
	Args       map[string]string
	Labels     map[string]string
	Tags       []string // the names the image gets
}
