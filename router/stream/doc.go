// Package stream ends long answers politely: WebSockets and event streams that
// would otherwise hold on to a target which has lost its alias, or to a router
// that ends, for as long as their clients please.
//
// A [Socket] or [Body] wraps what comes from an instance and follows, without
// keeping a byte, where its frames or events end, so that Leave can end it there
// in the words of its protocol: a close frame 1001, or the end of the body. A
// [Registry] holds the live ones of a target and lets them leave one after the
// other, so that their clients do not all come back at once.
package stream
