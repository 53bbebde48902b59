package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// minCheckInterval is the shortest interval Consul runs a check at.
const minCheckInterval = time.Second

// Consul's limits of service metadata.
const (
	maxMetaPairs   = 64
	maxMetaKey     = 128
	maxMetaValue   = 512
	reservedPrefix = "consul-"
)

var metaKey = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// duration is decoded from a string such as "10s" or a number of nanoseconds.
type duration time.Duration

func (d *duration) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		parsed, err := time.ParseDuration(text)
		*d = duration(parsed)
		return err
	}
	var number float64
	err := json.Unmarshal(data, &number)
	*d = duration(number)
	return err
}

// text is the duration as catalogue rows show it, empty if not set.
func (d duration) text() string {
	if d == 0 {
		return ""
	}
	return time.Duration(d).String()
}

// serviceDefinition is the body of a service registration. What the store
// doesn't serve is decoded only to be refused by name.
type serviceDefinition struct {
	ID                string
	Name              string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]serviceAddress
	Port              int
	Meta              map[string]string
	Weights           *weights
	EnableTagOverride bool
	Check             *checkDefinition
	Checks            []*checkDefinition
	Token             string

	Kind       string
	SocketPath string
	Ports      unsupported
	Proxy      unsupported
	Connect    unsupported
	Locality   unsupported
}

// UnmarshalJSON accepts snake case too and refuses unknown fields.
func (d *serviceDefinition) UnmarshalJSON(data []byte) error {
	type plain serviceDefinition
	return decodeFields(data, (*plain)(d))
}

// checkDefinition is a check within a service's registration, which calls its
// id CheckID, or the body of a check's own, which calls it ID.
type checkDefinition struct {
	ID                             string
	CheckID                        string
	Name                           string
	Notes                          string
	Status                         string
	ServiceID                      string
	HTTP                           string
	Method                         string
	Header                         map[string][]string
	Body                           string
	DisableRedirects               bool
	TCP                            string
	TCPUseTLS                      bool
	TLSServerName                  string
	TLSSkipVerify                  bool
	Interval                       duration
	Timeout                        duration
	TTL                            duration
	SuccessBeforePassing           int
	FailuresBeforeWarning          int
	FailuresBeforeCritical         int
	DeregisterCriticalServiceAfter duration
	OutputMaxSize                  int
	Token                          string
	// Meant for other kinds of checks, but harmless.
	Shell        string
	GRPCUseTLS   bool
	H2PingUseTLS bool

	Args              unsupported
	ScriptArgs        unsupported
	DockerContainerID unsupported
	GRPC              unsupported
	H2PING            unsupported
	UDP               unsupported
	OSService         unsupported
	AliasNode         unsupported
	AliasService      unsupported
}

// UnmarshalJSON accepts snake case too and refuses unknown fields.
func (d *checkDefinition) UnmarshalJSON(data []byte) error {
	type plain checkDefinition
	return decodeFields(data, (*plain)(d))
}

// unsupported is a field that may be present only if it says nothing.
type unsupported struct{}

func (*unsupported) UnmarshalJSON(data []byte) error {
	switch string(bytes.TrimSpace(data)) {
	case `null`, `""`, `[]`, `{}`:
		return nil
	}
	return errors.New("script, Docker, gRPC, H2PING, UDP, OS service and alias checks, several ports, " +
		"localities and Connect are not served by the embedded store; use a Consul agent")
}

// snakeCase are the fields Consul also takes in snake case.
var snakeCase = map[string]string{
	"deregister_critical_service_after": "DeregisterCriticalServiceAfter",
	"disable_redirects":                 "DisableRedirects",
	"docker_container_id":               "DockerContainerID",
	"enable_tag_override":               "EnableTagOverride",
	"grpc_use_tls":                      "GRPCUseTLS",
	"h2ping_use_tls":                    "H2PingUseTLS",
	"script_args":                       "ScriptArgs",
	"service_id":                        "ServiceID",
	"tagged_addresses":                  "TaggedAddresses",
	"tcp_use_tls":                       "TCPUseTLS",
	"tls_server_name":                   "TLSServerName",
	"tls_skip_verify":                   "TLSSkipVerify",
}

// decodeFields decodes an object strictly, in either spelling of its fields.
func decodeFields(data []byte, into any) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	renamed := make(map[string]json.RawMessage, len(fields))
	for name, value := range fields {
		if camel, ok := snakeCase[name]; ok {
			name = camel
		}
		renamed[name] = value
	}
	plain, err := json.Marshal(renamed)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(plain))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// service builds the catalogue row.
func (d *serviceDefinition) service() service {
	svc := service{
		ID:                d.ID,
		Name:              d.Name,
		Tags:              d.Tags,
		Address:           d.Address,
		TaggedAddresses:   taggedAddresses(d),
		Meta:              d.Meta,
		Port:              d.Port,
		Weights:           weights{Passing: 1, Warning: 1},
		EnableTagOverride: d.EnableTagOverride,
	}
	if svc.ID == "" {
		svc.ID = d.Name
	}
	if svc.Tags == nil {
		svc.Tags = []string{}
	}
	if d.Weights != nil {
		svc.Weights = *d.Weights
	}
	return svc
}

// taggedAddresses completes the given ones with the address by family.
func taggedAddresses(d *serviceDefinition) map[string]serviceAddress {
	all := make(map[string]serviceAddress)
	if family := addressFamily(d.Address); family != "" {
		all["lan_"+family] = serviceAddress{d.Address, d.Port}
		all["wan_"+family] = serviceAddress{d.Address, d.Port}
	}
	for name, addr := range d.TaggedAddresses {
		all[name] = addr
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// checks returns the checks in the order Consul numbers them. An empty Check is
// none at all.
func (d *serviceDefinition) checks() []*checkDefinition {
	var all []*checkDefinition
	if d.Check != nil && !reflect.ValueOf(*d.Check).IsZero() {
		all = append(all, d.Check)
	}
	for _, c := range d.Checks {
		if c != nil {
			all = append(all, c)
		}
	}
	return all
}

// errUnknownField is the answer to a field that is known, but not there.
func errUnknownField(name string) error {
	return consulError("Request decode failed: json: unknown field %q", name)
}

// validate returns Consul's sentence about what is wrong.
func (d *serviceDefinition) validate() error {
	for _, c := range d.checks() {
		switch {
		case c.ID != "":
			return errUnknownField("ID")
		case c.Token != "":
			return errUnknownField("Token")
		}
	}
	if d.Name == "" {
		return consulError("Missing service name")
	}
	if ip := net.ParseIP(d.Address); ip != nil && ip.IsUnspecified() {
		return consulError("Invalid service address")
	}
	if d.Kind != "" || d.SocketPath != "" {
		return errors.New("service kinds and sockets are not served by the embedded store; use a Consul agent")
	}
	if err := d.Weights.validate(); err != nil {
		return consulError("Invalid Weights: %w", err)
	}
	if err := validateMeta(d.Meta); err != nil {
		return consulError("Invalid Service Meta: %w", err)
	}
	for _, c := range d.checks() {
		if err := c.validate(); err != nil {
			return consulError("Invalid check: %w", err)
		}
		if c.Status != "" && !validStatus(c.Status) {
			return consulError("Status for checks must 'passing', 'warning', 'critical'")
		}
	}
	return nil
}

func (w *weights) validate() error {
	switch {
	case w == nil:
		return nil
	case w.Passing < 1:
		return consulError("Passing must be greater than 0")
	case w.Warning < 0:
		return consulError("Warning must be greater or equal than 0")
	case w.Passing > 65535 || w.Warning > 65535:
		return consulError("DNS Weight must be between 0 and 65535")
	}
	return nil
}

func validateMeta(meta map[string]string) error {
	if len(meta) > maxMetaPairs {
		return consulError("Node metadata cannot contain more than %d key/value pairs", maxMetaPairs)
	}
	for key, value := range meta {
		if problem := metaProblem(key, value); problem != "" {
			return consulError("Couldn't load metadata pair ('%s', '%s'): %s", key, value, problem)
		}
	}
	return nil
}

func metaProblem(key, value string) string {
	switch {
	case key == "":
		return "Key cannot be blank"
	case !metaKey.MatchString(key):
		return "Key contains invalid characters"
	case len(key) > maxMetaKey:
		return fmt.Sprintf("Key is too long (limit: %d characters)", maxMetaKey)
	case strings.HasPrefix(key, reservedPrefix):
		return fmt.Sprintf("Key prefix '%s' is reserved for internal use", reservedPrefix)
	case len(value) > maxMetaValue:
		return fmt.Sprintf("Value is too long (limit: %d characters)", maxMetaValue)
	}
	return ""
}

// probes reports whether the check asks the service rather than being told.
func (d *checkDefinition) probes() bool { return d.HTTP != "" || d.TCP != "" }

func (d *checkDefinition) kind() string {
	switch {
	case d.HTTP != "":
		return "http"
	case d.TTL > 0:
		return "ttl"
	}
	return "tcp"
}

// validate returns Consul's sentence about what is wrong.
func (d *checkDefinition) validate() error {
	switch {
	case d.Interval > 0 && d.TTL > 0:
		return consulError("Interval and TTL cannot both be specified")
	case d.probes() && d.Interval <= 0:
		return consulError("Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks")
	case !d.probes() && d.TTL <= 0:
		return consulError("TTL must be > 0 for TTL checks")
	case d.OutputMaxSize < 0:
		return consulError("MaxOutputMaxSize must be positive")
	case d.FailuresBeforeWarning > d.FailuresBeforeCritical:
		return consulError("FailuresBeforeWarning can't be higher than FailuresBeforeCritical")
	}
	return nil
}

// interval is how often the check runs.
func (d *checkDefinition) interval() time.Duration {
	return max(time.Duration(d.Interval), minCheckInterval)
}
