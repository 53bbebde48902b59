// Package catalog is Teal's vocabulary: targets, aliases, instances, releases
// and deployments, and how each of them is spelled in Consul.
//
// It is the only room that knows the name of a Consul key, tag or meta field.
// Everything here is a value or a pure function; nothing does I/O, and the
// package depends on the standard library alone. Values are not safe for
// concurrent change; a value handed to another room is not changed afterwards.
package catalog
