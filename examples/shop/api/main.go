// Api is the part of the example that takes the requests. It says which release
// it is and the how-manieth visitor you are, and knows its database only as
// db:5432.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const database = "db:5432"

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", health)
	mux.HandleFunc("/", visit)
	log.Printf("release %s answers on :8080", os.Getenv("RELEASE"))
	log.Fatal(http.ListenAndServe(":8080", mux))
}

// health is well when the database answers.
func health(w http.ResponseWriter, _ *http.Request) {
	if _, err := ask("count"); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "well")
}

func visit(w http.ResponseWriter, r *http.Request) {
	visitors, err := ask("visit")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{
		"service": "shop", "release": os.Getenv("RELEASE"), "visitors": visitors, "path": r.URL.Path,
	})
}

// ask sends the database one line and answers its line.
func ask(command string) (string, error) {
	conn, err := net.DialTimeout("tcp", database, time.Second)
	if err != nil {
		return "", fmt.Errorf("reach the database: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintln(conn, command)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("ask the database to %s: %w", command, err)
	}
	return strings.TrimSpace(line), nil
}
