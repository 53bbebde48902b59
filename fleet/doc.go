// Package fleet is what living routers say of themselves, seen from outside: who
// has applied a flip, who sends requests where, and what is left in flight. It is
// asked by deployers, and by a router that is to see a flip through.
//
// What the answers mean is decided by pure functions (judge.go); Observer asks,
// and asks again.
package fleet
