// Package servicefile reads what a service's own repository says of it: plain
// Compose and the section x-teal. What it answers, a Spec, is resolved and found to
// be sound; what is wrong is told all at once, each with its line. It also drafts a
// first file. It starts nothing and asks nobody: the deployer makes what is said so.
//
// Its types are values: a copy may be changed, what it points at may not. Functions
// may be called from any goroutine.
package servicefile
