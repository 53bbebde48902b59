// Package limit keeps what a router does to instances within bounds: how many
// requests at once ([Limiter]), how many again ([Budget]), none for a while
// ([Gate]), and none to an instance that fails ([Aside]).
//
// The path of a request that nothing holds up takes no lock and allocates
// nothing.
package limit
