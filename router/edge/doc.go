// Package edge is the router's listeners and what comes before a request: the
// certificates, the PROXY protocol, the look at a TLS connection's server name,
// and the hand-over of listening sockets from a router to its successor.
//
// The layers go from the socket outwards in this order, each of them optional:
//
//	Listen or TakeOver     the TCP socket
//	ProxyHeaders.Listener  the real client's address
//	Split                  TCP services by server name on one side, HTTPS on the other
//	Polite                 an end that loses no connection
//	tls.NewListener        outermost, since net/http speaks HTTP/2 on *tls.Conn only
package edge
