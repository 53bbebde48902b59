package router

import (
	"net/http"
	"strings"
)

// addressedPath is before the id of a router in the paths of its admin API.
const addressedPath = "/routers/"

// AddressedTo is an admin API's URL that answers for the router with this id
// only. Two processes of a host answer at the same address, one after the other;
// who asks what a router has in flight must not be told what its successor has.
func AddressedTo(admin, id string) string {
	return strings.TrimSuffix(admin, "/") + addressedPath + id
}

// addressed is an admin API that is also found below /routers/<id>.
func addressed(id string, admin http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, addressedPath)
		if !ok {
			admin.ServeHTTP(w, r)
			return
		}
		if asked, _, _ := strings.Cut(rest, "/"); asked != id {
			writeError(w, http.StatusMisdirectedRequest,
				"Router %s answers here, not %s, which has ended or is about to. See teal/routers/ in Consul for those that run.", id, asked)
			return
		}
		http.StripPrefix(addressedPath+id, rooted(admin)).ServeHTTP(w, r)
	})
}

// rooted gives h the path / where there is none.
func rooted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "" {
			r.URL.Path = "/"
		}
		h.ServeHTTP(w, r)
	})
}
