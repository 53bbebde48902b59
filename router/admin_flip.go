package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"teal/catalog"
	"teal/fleet"
)

// maxAliasValue bounds the body of a flip.
const maxAliasValue = 4 << 10

// flipHandler serves PUT /v1/services/{service}/aliases/{alias}: one flip, with
// the health of the target checked.
type flipHandler struct {
	router *Router
	cross  *http.CrossOriginProtection
}

func newFlipHandler(r *Router) *flipHandler {
	return &flipHandler{router: r, cross: http.NewCrossOriginProtection()}
}

// flipAnswer is the body of a flip that happened, or that was not needed.
type flipAnswer struct {
	Service string             `json:"service"`
	Alias   string             `json:"alias"`
	From    catalog.AliasValue `json:"from"`
	To      catalog.AliasValue `json:"to"`
	Index   uint64             `json:"index"`
	*progress
}

// status tells a flip that is through from one that happened, but is not yet what
// the client waits for.
func (a flipAnswer) status() int {
	if a.progress != nil && !a.reached {
		return http.StatusAccepted
	}
	return http.StatusOK
}

// refusal is an error that is the client's to mend.
type refusal struct {
	status   int
	sentence string
}

// Error implements error.
func (e *refusal) Error() string { return e.sentence }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, sentence: fmt.Sprintf(format, args...)}
}

// ServeHTTP implements http.Handler.
func (h *flipHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := h.flip(r)
	var no *refusal
	switch {
	case err == nil:
		writeJSON(w, answer.status(), answer)
	case errors.As(err, &no):
		writeError(w, no.status, "%s", no.sentence)
	case isConflict(err):
		writeError(w, http.StatusConflict, "The flip was refused: %v.", err)
	default:
		h.router.log.Error("flip failed", "path", r.URL.Path, "error", err)
		writeError(w, http.StatusBadGateway, "The flip could not be made in Consul: %v. Look whether the alias has moved, then try again.", err)
	}
}

func isConflict(err error) bool {
	for _, known := range []error{
		catalog.ErrMoved, catalog.ErrUnhealthy, catalog.ErrLocked, catalog.ErrLockLost, catalog.ErrTooManyChecks,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func (h *flipHandler) flip(r *http.Request) (flipAnswer, error) {
	if err := h.mayFlip(r); err != nil {
		return flipAnswer{}, err
	}
	wait, err := h.waiting(r)
	if err != nil {
		return flipAnswer{}, err
	}
	f, err := h.wish(r)
	if err != nil {
		return flipAnswer{}, err
	}
	answer := flipAnswer{Service: f.Service, Alias: f.Alias, From: f.From.Value, To: f.To, Index: f.From.Index}
	var notes []string
	if !f.granted() {
		if answer.Index, notes, err = h.commit(r.Context(), wait, f.Flip); err != nil {
			return flipAnswer{}, err
		}
	}
	if wait.goal != "" {
		seen := fleet.Flip{Service: f.Service, Index: answer.Index, Old: f.old, New: f.To.Live()}
		answer.progress = h.seeThrough(r.Context(), wait, seen)
		answer.Notes = notes
		h.logProgress(f.Flip, answer.progress)
	}
	return answer, nil
}

// commit makes the flip. Who waits for it also has the routers made ready for it.
func (h *flipHandler) commit(ctx context.Context, wait waiting, f catalog.Flip) (index uint64, notes []string, err error) {
	if wait.goal != "" {
		notes = h.awaitRouted(ctx, f)
	}
	if index, err = h.router.opt.Flipper.Flip(ctx, f); err != nil {
		return 0, nil, err
	}
	h.router.log.Info("flipped", "service", f.Service, "alias", f.Alias, "from", f.From.Value.String(), "to", f.To.String(), "by", f.By)
	return index, notes, nil
}

func (h *flipHandler) logProgress(f catalog.Flip, p *progress) {
	if !p.reached {
		h.router.log.Warn("a flip is not through yet", "service", f.Service, "alias", f.Alias, "to", f.To.String(), "message", p.Message)
	}
}

// mayFlip keeps strangers out: other networks, and web pages of other sites.
func (h *flipHandler) mayFlip(r *http.Request) error {
	client := networks(h.router.opt.TrustedProxies).clientOf(r)
	if !networks(h.router.opt.FlipFrom).has(client) {
		return refuse(http.StatusForbidden, "This router takes no flips from %s. Ask from a network of its --flip-from, use teal flip, or write the alias key in Consul.", client)
	}
	if h.cross.Check(r) != nil || !h.knownOrigin(r) {
		return refuse(http.StatusForbidden, "The flip comes from a web page of another site. Ask with curl or the teal command.")
	}
	if h.router.opt.Flipper == nil {
		return refuse(http.StatusServiceUnavailable, "This router can't flip aliases. Write the alias key in Consul.")
	}
	return nil
}

// knownOrigin refuses pages of a host name that is none of the router's: such a
// name can be made to resolve to the router's address.
func (h *flipHandler) knownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true // no browser
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	own, err := url.Parse(h.router.opt.AdminURL)
	host := strings.ToLower(u.Hostname())
	return isIP(host) || host == "localhost" || (err == nil && host != "" && host == strings.ToLower(own.Hostname()))
}

// wish is a flip that is asked for.
type wish struct {
	catalog.Flip
	old []catalog.Target // what loses the alias's requests by it
}

// granted tells whether the alias is what it is wished to be. Consul does not
// count writing the same again as a change, so no router would acknowledge it.
func (w wish) granted() bool {
	return w.From.Index != 0 && w.From.Value.String() == w.To.String()
}

// wish reads what is asked for and checks it against the service as it is now.
func (h *flipHandler) wish(r *http.Request) (wish, error) {
	name, alias := mux.Vars(r)["service"], mux.Vars(r)["alias"]
	if err := checkAlias(alias); err != nil {
		return wish{}, refuse(http.StatusBadRequest, "%v.", err)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAliasValue+1))
	if err != nil || len(body) > maxAliasValue {
		return wish{}, refuse(http.StatusBadRequest, "The body is no alias value; send a target such as green-production.")
	}
	to, err := catalog.ParseAliasValue(string(body))
	if err != nil {
		return wish{}, refuse(http.StatusBadRequest, "The body is no alias value: %v.", err)
	}
	service, err := h.router.opt.Flipper.Service(r.Context(), name)
	if err != nil {
		return wish{}, err
	}
	if service.Unknown() {
		return wish{}, refuse(http.StatusNotFound, "There is no service %q. GET /v1/services lists those there are.", name)
	}
	from, err := present(service, alias, r.URL.Query().Get("from"))
	if err != nil {
		return wish{}, err
	}
	f := wish{Flip: catalog.Flip{Service: name, Alias: alias, From: from, To: to, By: h.by(r), At: h.router.opt.Now()}}
	f.old = fleet.Lost(from.Value, to)
	if f.granted() {
		f.old = lostBefore(service, from)
		return f, nil
	}
	f.Releases = service.ReleasesAfter(alias, from.Value, to)
	f.Guards, err = guardsOf(service, to)
	return f, err
}

// lostBefore are the targets that lost an alias's requests by its last flip, for
// who asks again to wait on. Where that flip left no record, they are all targets
// with instances that no alias sends requests to.
func lostBefore(s *catalog.Service, a catalog.Alias) []catalog.Target {
	if !s.FlippedByHand(a.Name) {
		return fleet.Lost(s.Flips[a.Name].From, a.Value)
	}
	var idle []catalog.Target
	for _, i := range s.Instances {
		if !getsRequests(s, i.Target) && !slices.Contains(idle, i.Target) {
			idle = append(idle, i.Target)
		}
	}
	return idle
}

// present is the alias as it is, which must be what the client expects, if it
// says so.
func present(s *catalog.Service, alias, expected string) (catalog.Alias, error) {
	from, ok := s.Resolve(alias)
	if !ok {
		from = catalog.Alias{Name: alias}
	}
	if expected == "" {
		return from, nil
	}
	want, err := catalog.ParseAliasValue(expected)
	if err != nil {
		return from, refuse(http.StatusBadRequest, "The parameter from is no alias value: %v.", err)
	}
	if want.String() != from.Value.String() {
		return from, refuse(http.StatusConflict, "Alias %s points at %q, not at %q any more. Look who moved it, then flip again.", alias, from.Value, want)
	}
	return from, nil
}

// guardsOf is the instances that must be passing when the flip commits: all
// routable ones of every target that will get requests, of which there must be
// one each.
func guardsOf(s *catalog.Service, to catalog.AliasValue) ([]catalog.Instance, error) {
	var guards []catalog.Instance
	for _, t := range to.Live() {
		if err := s.Unfinished(t); err != nil {
			return nil, refuse(http.StatusConflict, "The flip was refused: %v.", err)
		}
		if !knownTarget(s, t) {
			return nil, refuse(http.StatusConflict, "Nothing was ever deployed to %s of %s. Deploy it, or look at the spelling.", t, s.Name)
		}
		passing := s.Passing(t)
		if len(passing) == 0 {
			return nil, refuse(http.StatusConflict, "Target %s has no healthy instance of the release it holds. Look at its checks, or flip to another target.", t)
		}
		guards = append(guards, passing...)
	}
	return guards, nil
}

// by is who asks: what the client says, or where it asks from.
func (h *flipHandler) by(r *http.Request) string {
	if by := r.Header.Get("X-Teal-By"); saneID(by) {
		return by
	}
	return "somebody at " + networks(h.router.opt.TrustedProxies).clientOf(r).String()
}

// knownTarget tells whether a target holds or has held anything.
func knownTarget(s *catalog.Service, t catalog.Target) bool {
	_, released := s.Releases[t]
	return released || slices.ContainsFunc(s.Instances, func(i catalog.Instance) bool { return i.Target == t })
}
