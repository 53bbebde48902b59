package router

import (
	"net/http"
	"strconv"
)

// The headers that tell where an answer comes from, for those who may know.
const (
	headerTarget   = "X-Teal-Target"
	headerInstance = "X-Teal-Instance"
	headerRelease  = "X-Teal-Release"
	headerIndex    = "X-Teal-Index"
	headerError    = "X-Teal-Error" // of the router's own answers alone
)

// mark writes where an answer comes from, if the asker may know. A service's own
// headers of these names are taken off for everybody: they would be believed.
func (c *Claim) mark(h http.Header) {
	for _, name := range [...]string{headerTarget, headerInstance, headerRelease, headerIndex, headerError} {
		delete(h, name)
	}
	if !c.dispatch.debug.has(c.ask.Peer) {
		return
	}
	h.Set(headerTarget, c.Target())
	h.Set(headerInstance, c.instance)
	h.Set(headerIndex, strconv.FormatUint(c.index, 10))
	if c.release != "" {
		h.Set(headerRelease, c.release)
	}
}
