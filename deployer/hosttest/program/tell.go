package program

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// tell writes what the variables ask for.
func tell() {
	for name := range strings.FieldsSeq(os.Getenv(EnvShow)) {
		fmt.Println(Showed, name, describe(name))
	}
	if os.Getenv(EnvInterfaces) != "" {
		fmt.Println(strings.Join(append([]string{Interfaces}, interfaces()...), " "))
	}
	if url := os.Getenv(EnvFetch); url != "" {
		fmt.Println(Fetched, fetch(url))
	}
}

// describe is a file's mode, owner and content, or why there are none.
func describe(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return err.Error()
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%s %d:%d %s", info.Mode(), stat.Uid, stat.Gid, content)
}

func interfaces() []string {
	all, err := net.Interfaces()
	if err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			names = append(names, i.Name)
		}
	}
	return names
}

func fetch(url string) string {
	client := &http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
