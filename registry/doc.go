// Package registry asks image registries what a name means and copies images
// between them. It is the only importer of the registry SDK, and it needs no
// Docker engine.
package registry
