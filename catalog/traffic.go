package catalog

import "time"

// Traffic is how requests to a service are treated, as far as the service wants
// it different from the router's own defaults. It is part of its configuration.
// Times are in milliseconds; 0 leaves the default.
type Traffic struct {
	TimeoutMS        int64 `json:"timeout_ms,omitempty"`         // until the first byte of the answer
	ConnectTimeoutMS int64 `json:"connect_timeout_ms,omitempty"` // until an instance has taken the connection
	RequestTimeoutMS int64 `json:"request_timeout_ms,omitempty"` // the whole request; without one it may last
	DrainMS          int64 `json:"drain_ms,omitempty"`           // how long a stream may stay on a target that is no longer live

	MaxBody     int64 `json:"max_body_bytes,omitempty"` // of a request; 0 for any
	MaxInFlight int   `json:"max_in_flight,omitempty"`  // in each router; 0 for any
	MaxQueue    int   `json:"max_queue,omitempty"`      // requests that may wait beyond MaxInFlight
	QueueMS     int64 `json:"queue_ms,omitempty"`       // how long they may wait

	Balance     Balance       `json:"balance,omitempty"`
	Warning     WarningPolicy `json:"warning,omitempty"`
	SlowStartMS int64         `json:"slow_start_ms,omitempty"` // until a new instance gets its full share
	Retry       *Retry        `json:"retry,omitempty"`

	Sticky       *Sticky       `json:"sticky,omitempty"`
	Preview      []PreviewRule `json:"preview,omitempty"`
	PreviewToken string        `json:"preview_token_sha256,omitempty"` // in hex; the token itself stays with its users

	TLS             *UpstreamTLS `json:"tls,omitempty"`
	TCP             []TCPRoute   `json:"tcp,omitempty"`
	MaintenancePage string       `json:"maintenance_page,omitempty"` // HTML, shown during maintenance
}

// The most that routers go along with.
const (
	MaxTrafficTime = 24 * time.Hour // of any of the times
	MaxAttempts    = 5              // of Retry
)

// MaxMeasured is the longest time until an answer that routers tell from longer
// ones.
const MaxMeasured = time.Minute

// Balance is how the next instance of a target is chosen.
type Balance string

// The ways to balance. The empty one is LeastInFlight.
const (
	LeastInFlight Balance = "least"       // of two random ones, the one with fewer requests in flight for its weight
	RoundRobin    Balance = "round-robin" // each in turn
)

// WarningPolicy is what becomes of instances whose checks warn.
type WarningPolicy string

// The policies. The empty one is WarningLast.
const (
	WarningLast  WarningPolicy = "last"  // they get requests when nobody passes
	WarningNever WarningPolicy = "never" // they get none
	WarningEqual WarningPolicy = "equal" // they count as passing
)

// Retry bounds how often a request is tried on another instance.
type Retry struct {
	Attempts      int `json:"attempts,omitempty"`       // in all that take a connection, the first included; 0 for the default, 1 for none again
	BudgetPercent int `json:"budget_percent,omitempty"` // retries as a part of all requests; 0 for the default
}

// StickyBy is what keeps a client on its side of a split.
type StickyBy string

// What a client can be known by. The empty one is StickyCookie.
const (
	StickyCookie StickyBy = "cookie" // one that the router sets
	StickyHeader StickyBy = "header" // one that the service names
	StickyClient StickyBy = "client" // the client's address
	StickyNone   StickyBy = "none"   // each request by chance
)

// Sticky says what keeps a client on its side of a split.
type Sticky struct {
	By   StickyBy `json:"by,omitempty"`
	Name string   `json:"name,omitempty"` // of the cookie (there is a default) or the header
}

// PreviewRule sends the requests of some users to a target that the alias does
// not point at. All conditions that are set must hold. Whoever asks must be in
// one of Networks, or in the router's preview networks where there are none, or
// send the service's preview token.
type PreviewRule struct {
	// Target is where the requests go. Empty, it is whichever colour of the alias's
	// environment is about to be flipped to: see Service.PreviewTarget.
	Target   Target   `json:"target,omitzero"`
	Alias    string   `json:"alias,omitempty"`    // whose requests; empty for the default alias
	Header   string   `json:"header,omitempty"`   // the request has it
	Cookie   string   `json:"cookie,omitempty"`   // the request has it
	Value    string   `json:"value,omitempty"`    // of the header or cookie; empty for any
	Networks []string `json:"networks,omitempty"` // such as 10.0.0.0/8
}

// UpstreamTLS is how instances whose protocol is one of TLS are verified.
type UpstreamTLS struct {
	ServerName string `json:"server_name,omitempty"` // in their certificates; the service's name where empty
	CA         string `json:"ca,omitempty"`          // PEM; the router's own roots where empty
	SkipVerify bool   `json:"skip_verify,omitempty"` // believe anybody
}

// TCPRoute gives a service that speaks no HTTP a port of the routers, or a name
// that TLS clients ask for.
type TCPRoute struct {
	Port  int    `json:"port,omitempty"`
	SNI   string `json:"sni,omitempty"`
	Alias string `json:"alias,omitempty"` // empty for the default alias
}

// The protocols that an instance may name in its meta. The empty one is HTTP.
const (
	ProtocolHTTP  = "http"  // HTTP/1.1
	ProtocolH2C   = "h2c"   // HTTP/2 without TLS
	ProtocolGRPC  = "grpc"  // the same
	ProtocolHTTPS = "https" // HTTP/1.1 or HTTP/2, over TLS
	ProtocolTCP   = "tcp"   // bytes
)
