package catalog

import "strconv"

// The labels, or variables, by which a container tells the registrator how it
// wants to be registered: those of the classic registrator and Teal's own.
const (
	ServiceName        = "SERVICE_NAME"
	ServiceTags        = "SERVICE_TAGS"
	ServiceID          = "SERVICE_ID"
	ServiceIgnore      = "SERVICE_IGNORE"
	ServiceEnvironment = "SERVICE_ENVIRONMENT"
	ServiceColour      = "SERVICE_COLOUR"
	ServiceColor       = "SERVICE_COLOR" // the same, as others spell it
	ServiceRelease     = "SERVICE_RELEASE"
	ServiceRevision    = "SERVICE_REVISION"
	ServiceProtocol    = "SERVICE_PROTOCOL"
	ServiceWeight      = "SERVICE_WEIGHT" // becomes MetaWeight, as any attribute becomes meta

	ServiceCheckHTTP          = "SERVICE_CHECK_HTTP"
	ServiceCheckHTTPS         = "SERVICE_CHECK_HTTPS"
	ServiceCheckTCP           = "SERVICE_CHECK_TCP"
	ServiceCheckInterval      = "SERVICE_CHECK_INTERVAL"
	ServiceCheckTimeout       = "SERVICE_CHECK_TIMEOUT"
	ServiceCheckTLSSkipVerify = "SERVICE_CHECK_TLS_SKIP_VERIFY"
	ServiceCheckDockerHealth  = "SERVICE_CHECK_DOCKER_HEALTH"
)

// ServicePrefix begins every such label.
const ServicePrefix = "SERVICE_"

// ServicePortLabel is a label that speaks of one port of the container:
// ServicePortLabel(8080, "NAME") is SERVICE_8080_NAME.
func ServicePortLabel(port int, attribute string) string {
	return ServicePrefix + strconv.Itoa(port) + "_" + attribute
}
