package catalog

// Labels that Teal's deployer puts on the containers and networks it makes, so
// that a later run knows its own.
const (
	LabelService     = "teal.service"
	LabelEnvironment = "teal.environment"
	LabelColour      = "teal.colour"
	LabelRelease     = "teal.release"
	LabelDeployment  = "teal.deployment"
	LabelPart        = "teal.part"    // the compose service within the service file
	LabelOnce        = "teal.once"    // "true": it may exit with 0, and is not started again
	LabelScope       = "teal.scope"   // ScopeShared: it belongs to no colour
	LabelTask        = "teal.task"    // the name of a once-only task, or of a test
	LabelSpec        = "teal.spec"    // digest of what the container was started from
	LabelStart       = "teal.start"   // JSON: how it was brought up, for the day it is again
	LabelFiles       = "teal.files"   // JSON: the paths of the files that were put into it
	LabelOptions     = "teal.options" // JSON: its health check and sandbox, which engines can't tell from defaults
)

// ScopeShared is the LabelScope of what belongs to an environment as a whole and
// is not touched by flips.
const ScopeShared = "shared"
