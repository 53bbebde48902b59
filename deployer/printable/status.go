package printable

import (
	"net/http"
	"strconv"
	"strings"
)

// Status is the status of an HTTP answer with its words: "404 Not Found".
func Status(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}
