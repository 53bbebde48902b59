package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
)

// selftest makes a visit with a database of its own, as nothing else is in reach
// where it runs.
func selftest() error {
	db, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start a database: %w", err)
	}
	defer db.Close()
	go answer(db, "42")
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the api: %w", err)
	}
	server := &http.Server{Handler: routes(database(db.Addr().String()))}
	defer server.Close()
	go func() { _ = server.Serve(api) }()
	if err := visitor("http://" + api.Addr().String()); err != nil {
		return err
	}
	fmt.Println("a visitor gets what is due")
	return nil
}

// answer answers every line with the same.
func answer(l net.Listener, line string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
			fmt.Fprintln(conn, line)
		}
		conn.Close()
	}
}

// visitor is the 42nd, and looks at what it gets.
func visitor(url string) error {
	resp, err := http.Get(url + "/cart")
	if err != nil {
		return fmt.Errorf("visit the api: %w", err)
	}
	defer resp.Body.Close()
	var got struct{ Service, Visitors, Path string }
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return fmt.Errorf("read what a visitor gets: %w", err)
	}
	if got.Service != "shop" || got.Visitors != "42" || got.Path != "/cart" {
		return fmt.Errorf("the 42nd visitor of /cart gets %+v", got)
	}
	return nil
}
