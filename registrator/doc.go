// Package registrator records the containers of one host with the Consul agent
// of that host.
//
// Desired says what the agent should know, Plan what is to be written so that it
// does; both are pure. The Agent makes it so, again and again: events are hints
// to look, and what is done follows from comparing the containers with the
// registrations. A failed look changes nothing.
//
// An instance is held back, by Consul's maintenance, while somebody asks for it
// to be drained and from when its container is told to end; see hold.go. What a
// container's HEALTHCHECK says is reported to a check with a TTL, apart from the
// registration.
//
// Containers say what they are by labels and variables, the ones of the classic
// registrator and a few of Teal's own; see labels.go
// and checkattr.go.
package registrator
