// Package registrator records the containers of one host with the Consul agent
// of that host.
//
// Desired says what the agent should know, Plan what is to be written so that it
// does; both are pure. The Agent makes it so, again and again: events are hints
// to look, and what is done follows from comparing the containers with the
// registrations. A failed look changes nothing.
//
// Containers say what they are by labels and variables, the ones of the classic
// registrator and a few of Teal's own; see labels.go.
package registrator
