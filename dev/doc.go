// Package dev is Teal's world on one machine, in one process: an embedded
// Consul-compatible store, a router, a registrator, and local processes instead
// of containers. It needs nothing but the binary, and nothing of it outlives
// the process.
//
// No production package may import it.
package dev
