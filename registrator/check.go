package registrator

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"teal/catalog"
)

// The defaults of checks.
const (
	DefaultCheckInterval = 10 * time.Second
	DefaultCheckTimeout  = 5 * time.Second
)

// DockerHealthTTL is for how long a report of a container's HEALTHCHECK holds:
// long enough for a registrator to be upgraded in the meantime.
const DockerHealthTTL = 10 * time.Minute

// pausedTTL is the TTL of a check that nobody is going to report to.
const pausedTTL = 365 * 24 * time.Hour

// shell is what scripts are run by.
const shell = "/bin/sh"

var errColours = errors.New("SERVICE_COLOUR and SERVICE_COLOR name different colours; keep one of the two")

// checker makes the checks of one registration.
type checker struct {
	attrs     map[string]string
	r         catalog.Registration
	container catalog.Container
	port      catalog.Port
}

// probes are the kinds of checks that the agent itself makes, and what each
// makes of its attribute's value. One that is switched off makes a zero check.
var probes = []struct {
	attr, kind string
	read       func(k checker, value string, c *catalog.Check) (about string, err error)
}{
	{attrCheckHTTP, "http", func(k checker, v string, c *catalog.Check) (string, error) { return k.web("http", attrCheckHTTP, v, c) }},
	{attrCheckHTTPS, "https", func(k checker, v string, c *catalog.Check) (string, error) {
		return k.web("https", attrCheckHTTPS, v, c)
	}},
	{attrCheckTCP, "tcp", checker.tcp},
	{attrCheckGRPC, "grpc", checker.grpc},
	{attrCheckScript, "script", checker.script},
	{attrCheckCmd, "cmd", checker.cmd},
	{attrCheckDocker, "docker", checker.docker},
}

// checks are those that the attributes ask for, against the address that is
// registered, and those that follow from the container's state. No attribute
// asks for none.
func (k checker) checks() ([]catalog.Check, error) {
	if err := knownChecks(k.attrs); err != nil {
		return nil, err
	}
	common, err := commonOf(k.attrs)
	if err != nil {
		return nil, err
	}
	var all []catalog.Check
	for _, p := range probes {
		value := strings.TrimSpace(k.attrs[p.attr])
		if value == "" {
			continue
		}
		c := common
		about, err := p.read(k, value, &c)
		if err != nil {
			return nil, fmt.Errorf("%s%s %w", prefix, p.attr, err)
		}
		if about != "" {
			all = append(all, k.named(c, p.kind, about))
		}
	}
	reported, err := k.reported(common)
	all = append(all, reported...)
	slices.SortFunc(all, func(a, b catalog.Check) int { return strings.Compare(a.ID, b.ID) })
	return all, err
}

// named names a check by what it is the check of: the instance, the run of the
// container that is it now, and the definition.
func (k checker) named(c catalog.Check, kind, about string) catalog.Check {
	c.Name = strings.TrimSpace(fmt.Sprintf("%s %s %s", k.r.Service, kind, about))
	c.ID = strings.Join([]string{k.r.ID, kind, k.r.Incarnation, c.Digest()}, ":")
	return c
}

func (k checker) address() string { return net.JoinHostPort(k.r.Address, strconv.Itoa(k.r.Port)) }

// web fills in an HTTP or HTTPS check.
func (k checker) web(scheme, attr, value string, c *catalog.Check) (string, error) {
	path, err := pathIn(value)
	if err != nil {
		return "", err
	}
	of := func(what string) string { return cmp.Or(k.attrs[attr+"_"+what], k.attrs[checkPrefix+what]) }
	c.HTTP, c.Body = scheme+"://"+k.address()+path, of(attrBody)
	if c.Header, err = headersIn(of(attrHeader)); err != nil {
		return "", fmt.Errorf("with %s: it %w", attrHeader, err)
	}
	if method := strings.ToUpper(strings.TrimSpace(of(attrMethod))); method != "" && method != http.MethodGet {
		if strings.ContainsFunc(method, notToken) {
			return "", fmt.Errorf("with %s: it is %q; write a method such as HEAD", attrMethod, method)
		}
		c.Method = method
	}
	c.TLSSkipVerify = scheme == "https" && isTrue(k.attrs[attrSkipVerify])
	return path, nil
}

func (k checker) tcp(value string, c *catalog.Check) (string, error) {
	if !isTrue(value) {
		return "", nil
	}
	c.TCP = k.address()
	return c.TCP, nil
}

// grpc fills in a gRPC check of the server, or of the service that is named.
func (k checker) grpc(value string, c *catalog.Check) (string, error) {
	if !isTrue(value) {
		return "", nil
	}
	c.GRPC = k.address()
	switch strings.ToLower(value) {
	case "true", "yes", "on", "1":
	default:
		if strings.ContainsAny(value, " /") {
			return "", fmt.Errorf("is %q; write true, or the name of a gRPC service", value)
		}
		c.GRPC += "/" + value
	}
	c.GRPCUseTLS = isTrue(k.attrs[attrGRPCUseTLS])
	c.TLSSkipVerify = c.GRPCUseTLS && isTrue(k.attrs[attrSkipVerify])
	return c.GRPC, nil
}

// script fills in a check that a shell beside the agent runs. Its address may be
// written as the classic registrator has it.
func (k checker) script(value string, c *catalog.Check) (string, error) {
	line := strings.NewReplacer("$SERVICE_IP", k.r.Address, "$SERVICE_PORT", strconv.Itoa(k.r.Port)).Replace(value)
	c.Args = []string{shell, "-c", line}
	return "beside the agent", nil
}

// cmd fills in a check by the program check-cmd, as the classic registrator has
// it.
func (k checker) cmd(value string, c *catalog.Check) (string, error) {
	c.Args = []string{"check-cmd", short(k.container.ID), strconv.Itoa(k.port.Private), value}
	return "beside the agent", nil
}

// docker fills in a check that a shell in the container runs.
func (k checker) docker(value string, c *catalog.Check) (string, error) {
	c.Args, c.Container = []string{shell, "-c", value}, k.container.ID
	return "in the container", nil
}

// reported are the checks that somebody reports to: the service itself, the
// registrator for Docker's HEALTHCHECK, and nobody while the container is
// paused.
func (k checker) reported(common catalog.Check) ([]catalog.Check, error) {
	var all []catalog.Check
	ttl, err := timeIn(k.attrs, attrCheckTTL, 0)
	if err != nil {
		return nil, err
	}
	if ttl > 0 {
		c := catalog.Check{TTL: ttl, Initial: common.Initial, DeregisterAfter: common.DeregisterAfter}
		all = append(all, k.named(c, "ttl", ttl.String()))
	}
	if isTrue(k.attrs[attrDockerHealth]) {
		if k.container.Health == "" {
			return nil, fmt.Errorf("it asks for SERVICE_CHECK_DOCKER_HEALTH but has no HEALTHCHECK; give its image one")
		}
		c := k.named(catalog.Check{TTL: DockerHealthTTL, DeregisterAfter: common.DeregisterAfter}, "health", "by Docker")
		c.Status, c.Output = dockerHealth(k.container)
		all = append(all, c)
	}
	if k.container.Paused {
		all = append(all, k.named(catalog.Check{TTL: pausedTTL}, "paused", "while its container is paused"))
	}
	return all, nil
}

// The words of Docker's HEALTHCHECK. Any other means that it does not know yet.
const (
	healthy   = "healthy"
	unhealthy = "unhealthy"
)

// dockerHealth is what Docker's HEALTHCHECK means to Consul. What the run said
// is told when it failed: while it succeeds, it may say something else each time.
func dockerHealth(c catalog.Container) (catalog.Health, string) {
	switch c.Health {
	case healthy:
		return catalog.Passing, "Docker calls it healthy."
	case unhealthy:
		return catalog.Critical, strings.ToValidUTF8(strings.TrimSpace("Docker calls it unhealthy. "+c.HealthOutput), "\uFFFD")
	}
	return catalog.Critical, ""
}

func short(containerID string) string { return containerID[:min(len(containerID), shortID)] }

// shortID is as much of a container's id as people are shown.
const shortID = 12

// incarnation names one run of one container.
func incarnation(c catalog.Container) string {
	if c.Started.IsZero() {
		return short(c.ID)
	}
	return short(c.ID) + "-" + strconv.FormatInt(c.Started.UnixMilli(), 36)
}
