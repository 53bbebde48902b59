package registrator

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"teal/catalog"
)

// The attributes of checks.
const (
	checkPrefix = "CHECK_"

	attrCheckHTTP    = "CHECK_HTTP"
	attrCheckHTTPS   = "CHECK_HTTPS"
	attrCheckTCP     = "CHECK_TCP"
	attrCheckGRPC    = "CHECK_GRPC"
	attrCheckTTL     = "CHECK_TTL"
	attrCheckScript  = "CHECK_SCRIPT"
	attrCheckCmd     = "CHECK_CMD"
	attrCheckDocker  = "CHECK_DOCKER"
	attrDockerHealth = "CHECK_DOCKER_HEALTH"

	// Of HTTP checks; CHECK_HTTP_METHOD and CHECK_HTTPS_METHOD say it for one kind.
	attrMethod = "METHOD"
	attrHeader = "HEADER"
	attrBody   = "BODY"

	attrGRPCUseTLS      = "CHECK_GRPC_USE_TLS"
	attrSkipVerify      = "CHECK_TLS_SKIP_VERIFY"
	attrCheckEvery      = "CHECK_INTERVAL"
	attrCheckTimeout    = "CHECK_TIMEOUT"
	attrInitial         = "CHECK_INITIAL_STATUS"
	attrDeregisterAfter = "CHECK_DEREGISTER_AFTER"
	attrSuccess         = "CHECK_SUCCESS_BEFORE_PASSING"
	attrFailures        = "CHECK_FAILURES_BEFORE_CRITICAL"
)

// checkAttributes are all there are.
var checkAttributes = []string{
	attrCheckHTTP, attrCheckHTTPS, attrCheckTCP, attrCheckGRPC, attrCheckTTL, attrCheckScript, attrCheckCmd, attrCheckDocker, attrDockerHealth,
	checkPrefix + attrMethod, attrCheckHTTP + "_" + attrMethod, attrCheckHTTPS + "_" + attrMethod,
	checkPrefix + attrHeader, attrCheckHTTP + "_" + attrHeader, attrCheckHTTPS + "_" + attrHeader,
	checkPrefix + attrBody, attrCheckHTTP + "_" + attrBody, attrCheckHTTPS + "_" + attrBody,
	attrGRPCUseTLS, attrSkipVerify, attrCheckEvery, attrCheckTimeout, attrInitial, attrDeregisterAfter, attrSuccess, attrFailures,
}

// dropProbes removes the checks that connect to the port by TCP.
func dropProbes(attrs map[string]string) {
	for _, attr := range []string{attrCheckHTTP, attrCheckHTTPS, attrCheckTCP, attrCheckGRPC} {
		delete(attrs, attr)
	}
}

// knownChecks refuses what is misspelt: a check that is silently missing would
// let an ill instance pass.
func knownChecks(attrs map[string]string) error {
	for _, attr := range slices.Sorted(maps.Keys(attrs)) {
		if strings.HasPrefix(attr, checkPrefix) && attrs[attr] != "" && !slices.Contains(checkAttributes, attr) {
			return fmt.Errorf("%s%s is no check that is known; the checks are %s%s", prefix, attr, prefix, strings.Join(checkAttributes, ", "+prefix))
		}
	}
	return nil
}

// commonOf is what all checks of the attributes have in common.
func commonOf(attrs map[string]string) (c catalog.Check, err error) {
	if c.Interval, err = timeIn(attrs, attrCheckEvery, DefaultCheckInterval); err != nil {
		return c, err
	}
	if c.Timeout, err = timeIn(attrs, attrCheckTimeout, DefaultCheckTimeout); err != nil {
		return c, err
	}
	if c.DeregisterAfter, err = timeIn(attrs, attrDeregisterAfter, 0); err != nil {
		return c, err
	}
	if c.SuccessBeforePassing, err = countIn(attrs, attrSuccess); err != nil {
		return c, err
	}
	if c.FailuresBeforeCritical, err = countIn(attrs, attrFailures); err != nil {
		return c, err
	}
	c.Initial, err = statusIn(attrs, attrInitial)
	return c, err
}

// timeIn reads a time. An agent does not count in less than milliseconds.
func timeIn(attrs map[string]string, attr string, otherwise time.Duration) (time.Duration, error) {
	text := strings.TrimSpace(attrs[attr])
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond {
		return 0, fmt.Errorf("%s%s is %q; write a time such as 10s", prefix, attr, text)
	}
	return d, nil
}

// maxResults is how many results in a row may be asked for.
const maxResults = 1000

func countIn(attrs map[string]string, attr string) (int, error) {
	text := strings.TrimSpace(attrs[attr])
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxResults {
		return 0, fmt.Errorf("%s%s is %q; write a number of results, such as 3", prefix, attr, text)
	}
	return n, nil
}

func statusIn(attrs map[string]string, attr string) (catalog.Health, error) {
	switch status := catalog.Health(strings.ToLower(strings.TrimSpace(attrs[attr]))); status {
	case "", catalog.Critical:
		return "", nil
	case catalog.Passing, catalog.Warning:
		return status, nil
	}
	return "", fmt.Errorf("%s%s is %q; it is passing, warning or critical", prefix, attr, attrs[attr])
}

// pathIn reads the path of a check, with or without its leading slash.
func pathIn(value string) (string, error) {
	path := "/" + strings.TrimPrefix(strings.TrimSpace(value), "/")
	if strings.Contains(value, "://") {
		return "", fmt.Errorf("is the whole URL %q; write its path alone, the address is the one that is registered", value)
	}
	if _, err := url.ParseRequestURI(path); err != nil || strings.ContainsAny(path, " #") {
		return "", fmt.Errorf("is %q; write a path such as /health", value)
	}
	return path, nil
}

// headersIn reads "Name: value", several of them apart by commas; `\,` is a
// comma within a value.
func headersIn(value string) (map[string][]string, error) {
	var headers map[string][]string
	for _, line := range splitTags(value) {
		name, content, ok := strings.Cut(line, ":")
		name, content = strings.TrimSpace(name), strings.TrimSpace(content)
		if !ok || name == "" || strings.ContainsFunc(name, notToken) || strings.ContainsFunc(content, isControl) {
			return nil, fmt.Errorf("has %q; write headers as Name: value, with commas in between", line)
		}
		if headers == nil {
			headers = map[string][]string{}
		}
		headers[name] = append(headers[name], content)
	}
	return headers, nil
}

// notToken tells the characters that can't be in a header's name (RFC 9110,
// section 5.6.2).
func notToken(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
