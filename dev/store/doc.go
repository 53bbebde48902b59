// Package store is the embedded default of Teal: an in-memory agent that
// serves the part of Consul's HTTP API Teal uses, so that a demo needs nothing
// but the binary and tests use the real SDK over a real socket.
//
// It is one node in one process and forgets everything when it ends. Anything
// more is a Consul cluster. One contract suite (consul/contracttest) runs
// against this package and against a real Consul; where they differ, this
// package is wrong.
//
// The room has three layers. The tables (kv.go, session.go, catalog.go, txn.go)
// are changed only through a *write, which stands for one commit at one index.
// The agent (agent.go, monitor.go, probe.go) turns registrations and probe
// results into writes. The HTTP files decode requests, run blocking queries
// and encode answers. Records in the tables are never changed once stored,
// so that an answer may be encoded after the lock is gone.
package store
