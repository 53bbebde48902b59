package registrator

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
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

// shortID is as much of a container's id as people are shown.
const shortID = 12

var errColours = errors.New("SERVICE_COLOUR and SERVICE_COLOR name different colours; keep one of the two")

// checksIn are the checks that the attributes ask for, against the address that
// is registered. No attribute asks for none.
func checksIn(attrs map[string]string, r catalog.Registration, containerID string) ([]catalog.Check, error) {
	if err := checkAttributes(attrs); err != nil {
		return nil, err
	}
	interval, timeout, err := checkTimes(attrs)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(r.Address, strconv.Itoa(r.Port))
	var checks []catalog.Check
	add := func(kind, at string, c catalog.Check) {
		c.Name = fmt.Sprintf("%s %s %s", r.Service, kind, at)
		c.Interval, c.Timeout = interval, timeout
		c.ID = checkID(r.ID, containerID, kind, c)
		checks = append(checks, c)
	}
	for attr, scheme := range map[string]string{attrCheckHTTP: "http", attrCheckHTTPS: "https"} {
		if attrs[attr] == "" {
			continue
		}
		path, err := checkPath(attrs[attr])
		if err != nil {
			return nil, fmt.Errorf("%s%s %w", prefix, attr, err)
		}
		add(scheme, path, catalog.Check{HTTP: scheme + "://" + address + path})
	}
	if isTrue(attrs[attrCheckTCP]) {
		add("tcp", address, catalog.Check{TCP: address})
	}
	slices.SortFunc(checks, func(a, b catalog.Check) int { return strings.Compare(a.ID, b.ID) })
	return checks, nil
}

// checkAttributes refuses what is misspelt: a check that is silently missing
// would let an ill instance pass.
func checkAttributes(attrs map[string]string) error {
	known := []string{attrCheckHTTP, attrCheckHTTPS, attrCheckTCP, attrCheckEvery, attrCheckTimeout, attrDockerHealth}
	for _, attr := range slices.Sorted(maps.Keys(attrs)) {
		if strings.HasPrefix(attr, checkPrefix) && attrs[attr] != "" && !slices.Contains(known, attr) {
			return fmt.Errorf("%s%s is no check that is known; the checks are %s%s", prefix, attr, prefix, strings.Join(known, ", "+prefix))
		}
	}
	return nil
}

func checkTimes(attrs map[string]string) (interval, timeout time.Duration, err error) {
	if interval, err = checkTime(attrs, attrCheckEvery, DefaultCheckInterval); err != nil {
		return 0, 0, err
	}
	timeout, err = checkTime(attrs, attrCheckTimeout, DefaultCheckTimeout)
	return interval, timeout, err
}

func checkTime(attrs map[string]string, attr string, otherwise time.Duration) (time.Duration, error) {
	text := strings.TrimSpace(attrs[attr])
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s%s is %q; write a time such as 10s", prefix, attr, text)
	}
	return d, nil
}

// checkPath reads the path of a check, with or without its leading slash.
func checkPath(value string) (string, error) {
	path := "/" + strings.TrimPrefix(strings.TrimSpace(value), "/")
	if strings.Contains(value, "://") {
		return "", fmt.Errorf("is the whole URL %q; write its path alone, the address is the one that is registered", value)
	}
	if _, err := url.ParseRequestURI(path); err != nil || strings.ContainsAny(path, " #") {
		return "", fmt.Errorf("is %q; write a path such as /health", value)
	}
	return path, nil
}

// checkID names a check by what it is the check of: the instance, the container
// that is it now, and the definition.
func checkID(instance, containerID, kind string, c catalog.Check) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s", c.Name, c.HTTP, c.TCP, c.Interval, c.Timeout))
	return strings.Join([]string{instance, kind, short(containerID), hex.EncodeToString(sum[:4])}, ":")
}

func short(containerID string) string { return containerID[:min(len(containerID), shortID)] }
