package router

import (
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"teal/catalog"
)

// pool is the instances of one target that get requests. It is immutable once
// its table is published.
type pool struct {
	service  string
	target   catalog.Target
	held     bool // the instances are an earlier, better view
	policy   *policy
	backends []backend
	weights  []int // running sums of the backends' weights; nil where all weigh the same
	tally    *targetTally
	warmAt   time.Time // when the last new instance has its full share; zero for now
}

// backend is one instance that gets requests.
type backend struct {
	key      string // unique within the pool
	address  string // host:port
	protocol string
	release  string
	weight   int
	tally    *instanceTally // set before the table is published
}

func newBackend(i *catalog.Instance) backend {
	return backend{key: instanceKey(i), address: addressOf(i), protocol: i.Protocol, release: i.Release, weight: max(1, i.Weight)}
}

// addressOf is where an instance listens, host:port.
func addressOf(i *catalog.Instance) string { return net.JoinHostPort(i.Address, strconv.Itoa(i.Port)) }

// instanceKey names an instance within its target. Node names hold no slash.
func instanceKey(i *catalog.Instance) string { return i.Node + "/" + i.ID }

func splitInstanceKey(key string) (node, id string) {
	node, id, _ = strings.Cut(key, "/")
	return node, id
}

func (p *pool) addBackends(instances []catalog.Instance) {
	sum, uneven := 0, false
	weights := make([]int, 0, len(instances))
	p.backends = make([]backend, 0, len(instances))
	for n := range instances {
		b := newBackend(&instances[n])
		p.backends = append(p.backends, b)
		sum += b.weight
		weights = append(weights, sum)
		uneven = uneven || b.weight != p.backends[0].weight
	}
	if uneven {
		p.weights = weights
	}
}

func (p *pool) has(instance string) bool {
	return slices.ContainsFunc(p.backends, func(b backend) bool { return b.key == instance })
}

// next is the instance to send a request to, none of those that were tried. Those
// set aside are passed over as long as there is another. It is nil when all were
// tried.
func (p *pool) next(tried []string) *backend {
	if len(p.backends) == 0 {
		return nil
	}
	if p.policy.balance == catalog.RoundRobin {
		return p.scan(p.turn(len(tried) == 0), tried)
	}
	if len(p.backends) > 1 {
		a, b := p.lighter(p.drawTwo())
		for _, c := range [...]*backend{a, b} {
			if !slices.Contains(tried, c.address) && c.tally.available() {
				return c
			}
		}
	}
	return p.scan(rand.IntN(len(p.backends)), tried)
}

// turn is whose turn it is. A second attempt takes none: else, of two instances,
// every request would begin with the one that can't be reached. The turn of one
// that is new is given to the next, the more often the newer it is.
func (p *pool) turn(first bool) int {
	turn := p.tally.turn.Load()
	if first {
		turn = p.tally.turn.Add(1)
	}
	i := p.atTurn(turn)
	if p.warmAt.IsZero() {
		return i
	}
	if now := time.Now(); p.warming(now) && p.backends[i].cold(now, p.policy.slowStart) {
		i = (i + 1) % len(p.backends)
	}
	return i
}

// atTurn is the instance of a turn. Where weights differ, turns step by the golden
// ratio through the sum of them, so that the heavy ones' are not all in a row.
func (p *pool) atTurn(turn uint64) int {
	if p.weights == nil {
		return int(turn % uint64(len(p.backends)))
	}
	at := uint64(uint32(turn)*goldenRatio) * uint64(p.weights[len(p.weights)-1]) >> 32
	i, _ := slices.BinarySearch(p.weights, int(at)+1)
	return i
}

// goldenRatio is 2^32 divided by it: its multiples are spread as evenly as can be,
// and it mixes hashes whose high bits say little.
const goldenRatio uint32 = 0x9E3779B1

// scan is the first available instance from one on, else the first that was set
// aside.
func (p *pool) scan(from int, tried []string) *backend {
	var last *backend
	for i := range p.backends {
		b := &p.backends[(from+i)%len(p.backends)]
		switch {
		case slices.Contains(tried, b.address):
		case b.tally.available():
			if i > 0 && len(tried) == 0 && p.weights == nil {
				p.tally.turn.Add(uint64(i)) // the turns that were passed over are not the next one's
			}
			return b
		case last == nil:
			last = b
		}
	}
	return last
}

// drawTwo draws two different instances by their weights.
func (p *pool) drawTwo() (a, b *backend) {
	i := p.draw()
	j := p.draw()
	if i == j {
		j = (i + 1 + rand.IntN(len(p.backends)-1)) % len(p.backends)
	}
	return p.warmed(&p.backends[i], &p.backends[j])
}

func (p *pool) draw() int {
	if p.weights == nil {
		return rand.IntN(len(p.backends))
	}
	n := rand.IntN(p.weights[len(p.weights)-1])
	i, _ := slices.BinarySearch(p.weights, n+1)
	return i
}

// warmed lets a new instance's place be taken by the other one, the more often
// the newer it is, so that it gets to its full share slowly.
func (p *pool) warmed(a, b *backend) (*backend, *backend) {
	if p.warmAt.IsZero() {
		return a, b
	}
	now := time.Now()
	if !p.warming(now) {
		return a, b
	}
	switch ca, cb := a.cold(now, p.policy.slowStart), b.cold(now, p.policy.slowStart); {
	case ca && !cb:
		return b, b
	case cb && !ca:
		return a, a
	}
	return a, b
}

// cold is by chance true for an instance in its slow start: always at its
// beginning, never at its end.
func (b *backend) cold(now time.Time, window time.Duration) bool {
	warmth := b.warmth(now, window)
	return warmth < 1 && rand.Float64() > warmth
}

// warmth is the share of its turns that an instance takes.
func (b *backend) warmth(now time.Time, window time.Duration) float64 {
	age := now.Sub(b.tally.since)
	if age >= window {
		return 1
	}
	return max(minWarmth, float64(age)/float64(window))
}

// warming tells whether an instance may be in its slow start.
func (p *pool) warming(now time.Time) bool { return !now.After(p.warmAt) }

// minWarmth is the share of its turns that even the newest instance takes.
const minWarmth = 0.1

// lighter puts the one first that has fewer requests for its weight. Where both
// have as many it is the one drawn first, so that the weights decide.
func (p *pool) lighter(a, b *backend) (first, second *backend) {
	if b.tally.inFlight.Load()*int64(a.weight) < a.tally.inFlight.Load()*int64(b.weight) {
		return b, a
	}
	return a, b
}
