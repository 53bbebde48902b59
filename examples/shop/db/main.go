// Db is the example's database: it counts visitors, in memory, over a protocol
// of one line each way.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"sync/atomic"
)

func main() {
	l, err := net.Listen("tcp", ":5432")
	if err != nil {
		log.Fatal(err)
	}
	log.Print("the database answers on :5432")
	var visitors atomic.Int64
	for {
		conn, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn, &visitors)
	}
}

func serve(conn net.Conn, visitors *atomic.Int64) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch lines.Text() {
		case "visit":
			fmt.Fprintln(conn, visitors.Add(1))
		case "count":
			fmt.Fprintln(conn, visitors.Load())
		default:
			fmt.Fprintln(conn, "error: say visit or count")
		}
	}
}
