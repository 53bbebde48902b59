package router

import (
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"teal/catalog"
)

// Route is where a stable URI leads: to an alias of a service, or to one of its
// targets by name. It is immutable once its table is published.
type Route struct {
	Service string
	Name    string             // the alias or target, as the URI spells it
	Alias   string             // empty when the URI names a target
	Value   catalog.AliasValue // what Name points at; zero while it points at nothing
	Timeout time.Duration      // until the first byte of the answer
	Strip   bool               // take the matched path prefix off
	Preview bool               // answers to preview networks only

	declared bool    // by the service itself, not given by Teal
	shares   []share // the targets that have somebody to answer
	total    int     // the sum of their weights
}

// share is one target's part of a route, as an interval of [0, total).
type share struct {
	pool *pool
	upto int
}

// pool is the instances of one target that get requests.
type pool struct {
	service  string
	target   catalog.Target
	backends []backend
	tally    *targetTally // set before the table is published
}

// backend is one instance that gets requests.
type backend struct {
	key     string // unique within the pool
	address string // host:port
	tally   *instanceTally
}

func newBackend(i *catalog.Instance) backend {
	return backend{key: instanceKey(i), address: addressOf(i)}
}

// addressOf is where an instance listens, host:port.
func addressOf(i *catalog.Instance) string { return net.JoinHostPort(i.Address, strconv.Itoa(i.Port)) }

// instanceKey names an instance within its target. Node names hold no slash.
func instanceKey(i *catalog.Instance) string { return i.Node + "/" + i.ID }

func splitInstanceKey(key string) (node, id string) {
	node, id, _ = strings.Cut(key, "/")
	return node, id
}

// add gives a pool its part of the route. Pools without instances get none: a
// split sends their requests to the others.
func (r *Route) add(p *pool, weight int) {
	if weight > 0 && len(p.backends) > 0 {
		r.total += weight
		r.shares = append(r.shares, share{pool: p, upto: r.total})
	}
}

// pick chooses a pool by weight, then an instance of it in turn. except is an
// address not to choose again, or empty; where the pool has no other, another
// pool of the route takes the request. It answers nil when nobody is left.
func (r *Route) pick(except string) (*pool, *backend) {
	if len(r.shares) == 0 {
		return nil, nil
	}
	p := r.shares[0].pool
	if len(r.shares) > 1 {
		p = r.drawn(rand.IntN(r.total))
	}
	b := p.next(except)
	for i := 0; b == nil && i < len(r.shares); i++ {
		p = r.shares[i].pool
		b = p.next(except)
	}
	return p, b
}

func (r *Route) drawn(n int) *pool {
	for i := range r.shares {
		if n < r.shares[i].upto {
			return r.shares[i].pool
		}
	}
	return r.shares[len(r.shares)-1].pool
}

// next is whose turn it is, those that were set aside passed over as long as
// there is another. A second attempt takes no turn: else, of two instances, every
// request would begin with the one that can't be reached.
func (p *pool) next(except string) *backend {
	n := uint64(len(p.backends))
	turn := p.tally.turn.Load()
	if except == "" {
		turn = p.tally.turn.Add(1)
	}
	var last *backend // of all those set aside, the one whose turn it is
	for i := range n {
		b := &p.backends[(turn+i)%n]
		switch {
		case b.address == except:
		case b.tally.available():
			if except == "" && i > 0 {
				p.tally.turn.Add(i) // the turns that were passed over are not the next one's
			}
			return b
		case last == nil:
			last = b
		}
	}
	return last
}
