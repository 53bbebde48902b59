package fleet

// TargetView is one target as one router has it: what GET
// /v1/services/{service}/targets/{target} of its admin API says. All of it is of
// one table of routes; what is in flight was counted when that table served
// already.
type TargetView struct {
	InFlight int      `json:"in_flight"`         // requests under way
	Routed   int      `json:"routed"`            // instances that get requests when the target does
	Applied  uint64   `json:"applied"`           // the alias index of the table; 0 while it is not known which history Consul tells
	Aliases  []string `json:"aliases,omitempty"` // that send requests to the target
	Traffic  *Traffic `json:"traffic,omitempty"` // what came of its requests; nil from a router that does not count them
}
