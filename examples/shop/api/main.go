// Api is the part of the example that takes the requests. It says which release
// it is and the how-manieth visitor you are, and knows its database only as
// db:5432. Called with the word selftest it tries itself, and ends with 1 if it
// does not do what it should.
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

func main() {
	if len(os.Args) > 1 && os.Args[1] == "selftest" {
		if err := selftest(); err != nil {
			log.Fatal(err)
		}
		return
	}
	log.Printf("release %s answers on :8080", os.Getenv("RELEASE"))
	log.Fatal(http.ListenAndServe(":8080", routes("db:5432")))
}

// database is the host:port of one.
type database string

func routes(db database) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", db.health)
	mux.HandleFunc("/", db.visit)
	return mux
}

// health is well when the database answers.
func (db database) health(w http.ResponseWriter, _ *http.Request) {
	if _, err := db.ask("count"); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "well")
}

func (db database) visit(w http.ResponseWriter, r *http.Request) {
	visitors, err := db.ask("visit")
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
func (db database) ask(command string) (string, error) {
	conn, err := net.DialTimeout("tcp", string(db), time.Second)
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
