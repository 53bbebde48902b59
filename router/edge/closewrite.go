package edge

import (
	"fmt"
	"net"
)

// CloseWrite tells the peer that nothing more will be sent, and leaves the other
// direction open. It looks through the wrappers of this package and those of
// the PROXY protocol for a connection that can be closed by half.
func CloseWrite(c net.Conn) error {
	for {
		switch outer := c.(type) {
		case interface{ CloseWrite() error }:
			return outer.CloseWrite()
		case interface{ NetConn() net.Conn }:
			c = outer.NetConn()
		case interface{ Raw() net.Conn }:
			c = outer.Raw()
		default:
			return fmt.Errorf("a connection of type %T can't be closed by half; close it as a whole", c)
		}
	}
}
