package catalog

import (
	"strings"
	"time"
)

// AllDeployments is the folder of all deployments of all services.
func (k Keys) AllDeployments() string { return k.join("deployments", "") }

// DeploymentsOf is the folder of a service's deployments to all environments.
func (k Keys) DeploymentsOf(service string) string { return k.join("deployments", service, "") }

// CutDeployment reads the service, the environment and the id out of a key.
func (k Keys) CutDeployment(key string) (service, env, id string, ok bool) {
	parts, ok := k.cut(k.AllDeployments(), key, 3)
	if !ok {
		return "", "", "", false
	}
	return parts[0], parts[1], parts[2], true
}

// idTime is how a deployment's id begins.
const idTime = "20060102t150405.000z"

// DeploymentTime is when a deployment with such an id began; false for an id that
// does not tell.
func DeploymentTime(id string) (time.Time, bool) {
	stamp, _, _ := strings.Cut(id, "-")
	at, err := time.Parse(idTime, stamp)
	return at, err == nil
}
