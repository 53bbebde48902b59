package catalog

import "errors"

// ErrDenied: Consul does not let the token do that. Trying again is of no use.
var ErrDenied = errors.New("permission denied by Consul")
