package router

import (
	"fmt"

	"teal/catalog"
)

// drawView is which side of a split a client gets.
type drawView struct {
	By     catalog.StickyBy `json:"by"`
	Name   string           `json:"name,omitempty"`   // of the cookie or header
	Known  bool             `json:"known"`            // by what the request brings along
	Target string           `json:"target,omitempty"` // of a client that is known; where it has nobody, another one
}

// draw is the side of the route's split that a request gets.
func (r *Route) draw(ask *Ask) *drawView {
	if len(r.split.all) < 2 {
		return nil
	}
	s := r.stickiness()
	view := &drawView{By: s.By, Name: s.Name}
	ticket, known := r.known(ask)
	view.Known = known
	if known && len(r.split.able) > 0 {
		view.Target = r.split.draw(ticket).target.String()
	}
	return view
}

// words is the draw in a sentence.
func (v *drawView) words(ask *Ask) string {
	by := map[catalog.StickyBy]string{
		catalog.StickyCookie: "its cookie " + v.Name, catalog.StickyHeader: "its header " + v.Name,
		catalog.StickyClient: "its address " + peerText(ask.Peer),
	}[v.By]
	switch {
	case v.By == catalog.StickyNone:
		return "Each request draws its side of the split by chance."
	case v.Known && v.Target == "":
		return fmt.Sprintf("The client is known by %s, but no side of the split has anybody.", by)
	case v.Known:
		return fmt.Sprintf("The client is known by %s, which draws %s.", by, v.Target)
	case v.By == catalog.StickyCookie:
		return fmt.Sprintf("The request does not bring the cookie %s, so its side of the split is drawn by chance, and the answer sets the cookie.", v.Name)
	}
	return fmt.Sprintf("The request does not bring the header %s, so its side of the split is drawn by chance.", v.Name)
}

// previewView is a preview rule and whether a request is sent by it.
type previewView struct {
	Target   string   `json:"target"`
	Header   string   `json:"header,omitempty"`
	Cookie   string   `json:"cookie,omitempty"`
	Value    string   `json:"value,omitempty"`
	Networks []string `json:"networks,omitempty"`
	Applies  bool     `json:"applies"`
	Why      string   `json:"why"` // or why not: half a sentence
}

// previewsFor are the preview rules of a route, in their order, and what they
// make of a request. public leaves out what they look for.
func (d *dispatch) previewsFor(ask *Ask, r *Route, public bool) []previewView {
	views, taken := []previewView{}, false
	for _, p := range r.previews {
		view := previewView{}
		if !public {
			view.Header, view.Cookie, view.Value, view.Networks = p.rule.Header, p.rule.Cookie, p.rule.Value, p.rule.Networks
		}
		if len(p.split.all) > 0 && p.split.all[0].pool != nil {
			view.Target = p.split.all[0].pool.target.String()
		}
		view.Why = p.why(ask, p.misses(ask, r.policy, d.preview), public)
		switch {
		case view.Why != "":
		case len(p.split.able) == 0:
			view.Why = "nobody is there to answer, so the request goes to the alias"
		case taken:
			view.Why = "an earlier rule takes the request"
		default:
			view.Applies, view.Why, taken = true, "all its conditions hold", true
		}
		views = append(views, view)
	}
	return views
}

// why says what a request misses; empty for nothing.
func (p *preview) why(ask *Ask, m miss, public bool) string {
	what, name, sent := "", "", false
	switch m {
	case missNothing:
		return ""
	case missRight:
		return fmt.Sprintf("%s may not preview: it is in no network of the rule or the router, and sends no preview token that opens the service", peerText(ask.Peer))
	case missHeader:
		what, name, sent = "header", p.rule.Header, len(ask.values(p.rule.Header)) > 0
	case missCookie:
		what, name, sent = "cookie", p.rule.Cookie, ask.cookie(p.rule.Cookie) != ""
	}
	switch {
	case public:
		return "the request does not bring what it looks for"
	case sent:
		return fmt.Sprintf("the request's %s %s has another value than %q", what, name, p.rule.Value)
	}
	return fmt.Sprintf("the request has no %s %s", what, name)
}
