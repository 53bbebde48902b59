package plan

import "teal/catalog"

// What Docker says of a container whose HEALTHCHECK passes, or has failed as often
// as it may.
const (
	healthy = "healthy"
	Sick    = "unhealthy"
)

// IsAiling tells whether a container runs and its HEALTHCHECK does not say that it
// is well.
func IsAiling(c catalog.Container) bool {
	return c.Running && c.Health != "" && c.Health != healthy
}
