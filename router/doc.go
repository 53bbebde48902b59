// Package router turns what lies in Consul into answers to HTTP requests.
//
// A [Source] hands in immutable snapshots. Each is first compared with the one
// before by [Keep], which holds on to instances that one bad reading would take
// away, then compiled by [Build] into an immutable [Table], which is published
// by one atomic swap. Keep and Build are pure; everything else is wiring.
//
// A request claims an instance ([Router.Claim]) before it is sent on, and the
// claim is only good while the table it came from is the current one. So after
// a swap every request is either counted on the old target or goes to the new
// one, and "no request in flight on the old target" is true for ever once it is
// true. Deciding where a request goes (table, claim) is apart from moving its
// bytes (engine), so that the engine can be exchanged.
//
// The package knows neither Consul nor Docker; it declares the ports it needs.
package router
