package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"teal/catalog"
)

// Router is where one router stands with a flip.
type Router struct {
	ID       string         `json:"id"`
	Applied  uint64         `json:"applied"`             // the alias index it told; the lowest where it told several
	Behind   bool           `json:"behind,omitempty"`    // it has not applied the flip, as far as it has told
	InFlight map[string]int `json:"in_flight,omitempty"` // what is left, by target
	Error    string         `json:"error,omitempty"`     // why it told nothing

	live bool // it sends requests to an old target, with the flip's index or a later one applied
}

// judge tells where a router stands by its views of the targets that were asked
// about. It is done with an old target only by an answer that says all of it: the
// flip is applied, no alias sends requests there, and nothing is in flight. Once
// that is true it stays true, whatever else the router does.
func judge(id string, f Flip, views []TargetView, err error) Router {
	r := Router{ID: id, Behind: f.Index > 0}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	r.Behind = false
	for n, t := range f.asked() {
		v := views[n]
		if n == 0 || v.Applied < r.Applied {
			r.Applied = v.Applied
		}
		r.Behind = r.Behind || v.Applied < f.Index
		if len(f.Old) == 0 {
			continue
		}
		if v.InFlight > 0 {
			r.keep(t, v.InFlight)
		}
		r.live = r.live || v.Applied >= f.Index && len(v.Aliases) > 0
	}
	return r
}

func (r *Router) keep(t catalog.Target, n int) {
	if r.InFlight == nil {
		r.InFlight = map[string]int{}
	}
	r.InFlight[t.String()] = n
}

// left is how many requests the router has at the old targets.
func (r Router) left() (total int) {
	for _, n := range r.InFlight {
		total += n
	}
	return total
}

// done tells whether nothing of the router's can reach the old targets any more.
func (r Router) done() bool { return !r.Behind && !r.live && r.Error == "" && r.left() == 0 }

// Report is where the fleet stands with a flip.
type Report struct {
	Routers []Router // ordered by id
	// Moved says why the old targets will not be done with: an alias sends requests
	// to one of them. Empty otherwise.
	Moved string
	// Err is why the last look at Consul failed; Routers is older then.
	Err error

	looked  bool // at the fleet, at least once
	certain bool // Consul was asked whether the old targets are live, and they are not
}

func newReport(routers []Router) Report {
	slices.SortStableFunc(routers, func(a, b Router) int { return cmp.Compare(a.ID, b.ID) })
	return Report{Routers: routers, looked: true}
}

// believe tells where the fleet stands by its records alone.
func believe(records []catalog.RouterRecord, f Flip) Report {
	routers := make([]Router, len(records))
	for n, r := range records {
		routers[n] = Router{ID: r.ID, Applied: r.Applied, Behind: r.Applied < f.Index}
	}
	return newReport(routers)
}

// Applied tells whether every router has applied the flip.
func (r Report) Applied() bool {
	for _, one := range r.Routers {
		if one.Behind {
			return false
		}
	}
	return r.looked && r.Err == nil
}

// Drained tells whether no router will ever have a request at the old targets
// any more, unless somebody flips back.
func (r Report) Drained() bool { return r.idle() && r.certain && r.Moved == "" }

// idle tells whether every router is done with the old targets.
func (r Report) idle() bool {
	for _, one := range r.Routers {
		if !one.done() {
			return false
		}
	}
	return r.looked && r.Err == nil
}

// live tells whether some router says that an old target gets requests.
func (r Report) live() bool {
	for _, one := range r.Routers {
		if one.live {
			return true
		}
	}
	return false
}

// Behind names the routers that have not applied the flip.
func (r Report) Behind() []string {
	var names []string
	for _, one := range r.Routers {
		if one.Behind {
			names = append(names, one.ID)
		}
	}
	return names
}

// Left is how many requests are known to be under way at the old targets.
func (r Report) Left() (total int) {
	for _, one := range r.Routers {
		total += one.left()
	}
	return total
}

// String says in a clause why the old targets are not done with.
func (r Report) String() string {
	var clauses []string
	if r.Moved != "" {
		return r.Moved
	}
	if n := r.Left(); n > 0 {
		clauses = append(clauses, fmt.Sprintf("%d requests are still under way at the old targets", n))
	}
	if behind := r.Behind(); len(behind) > 0 {
		clauses = append(clauses, fmt.Sprintf("routers %s have not applied the flip", strings.Join(behind, ", ")))
	}
	for _, one := range r.Routers {
		if one.Error != "" {
			clauses = append(clauses, fmt.Sprintf("router %s does not tell: %s", one.ID, one.Error))
		}
	}
	if r.Err != nil {
		clauses = append(clauses, r.Err.Error())
	}
	if len(clauses) == 0 {
		return "not every router had been asked yet"
	}
	return strings.Join(clauses, ", ")
}
