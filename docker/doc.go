// Package docker reaches one Docker engine: its containers, events, images,
// networks and logs, told in Teal's own words. It is the only importer of the
// Docker SDK.
//
// An Engine serves both as the registrator's runtime and as one of the
// deployer's hosts. Its methods may be called from any goroutine.
package docker
