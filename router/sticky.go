package router

import (
	"cmp"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"teal/catalog"
)

// cookiePrefix is that of the cookies which keep clients on their side of a
// split, followed by the service's name.
const cookiePrefix = "teal-"

// ticket is what draws a client's side of a split. It is the same for the same
// client on every router. fresh tells that the client does not know it yet.
func (r *Route) ticket(ask *Ask) (ticket uint32, fresh bool) {
	if ticket, known := r.known(ask); known {
		return ticket, false
	}
	return rand.Uint32(), r.policy.stickyBy() == catalog.StickyCookie
}

// known is the ticket of a client that brings something to be known by.
func (r *Route) known(ask *Ask) (ticket uint32, known bool) {
	switch r.policy.stickyBy() {
	case catalog.StickyNone:
		return 0, false
	case catalog.StickyClient:
		return hashed(ask.Peer.String()), true
	case catalog.StickyHeader:
		values := ask.values(r.policy.sticky.Name)
		return hashed(strings.Join(values, ",")), len(values) > 0
	}
	n, err := strconv.ParseUint(ask.cookie(r.cookieName()), 16, 32)
	return uint32(n), err == nil
}

// stickyBy is what keeps clients on their side of a split.
func (p *policy) stickyBy() catalog.StickyBy { return cmp.Or(p.sticky.By, catalog.StickyCookie) }

func (r *Route) cookieName() string {
	if name := r.policy.sticky.Name; name != "" {
		return name
	}
	return cookiePrefix + r.Service
}

// hashed is the same in every process.
func hashed(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return h.Sum32() * goldenRatio // the low bits of FNV change most; the high ones decide
}

// setCookie is the header that tells a client its ticket. It says nothing about
// the client and opens nothing.
func (r *Route) setCookie(ticket uint32) string {
	c := http.Cookie{
		Name: r.cookieName(), Value: strconv.FormatUint(uint64(ticket), 16),
		Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	return c.String()
}
