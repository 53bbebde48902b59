package servicefile

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"teal/catalog"

	"github.com/compose-spec/compose-go/v2/types"
)

// carried are the keys of a compose service that Teal honours, or that mean
// nothing where a container runs.
var carried = []string{
	"image", "command", "entrypoint", "environment", "env_file", "labels", "label_file", "ports", "expose",
	"depends_on", "restart", "stop_grace_period", "user", "working_dir", "volumes", "extends", "profiles",
	"build", "develop", "attach", "secrets", "configs", "healthcheck",
	"cap_add", "cap_drop", "cpus", "deploy", "extra_hosts", "hostname", "init", "logging", "mem_limit", "pids_limit",
	"read_only", "security_opt", "shm_size", "stop_signal", "sysctls", "tmpfs", "ulimits",
}

// refused are keys without which the container would not do what the file
// promises, each with the way out.
var refused = map[string]string{
	"container_name":      "Teal names containers by service, environment and colour; take it out",
	"network_mode":        "each colour has a private network of its own; take it out and publish a port",
	"scale":               "set replicas in the environment of x-teal instead",
	"privileged":          "Teal starts plain containers only; run this part outside of Teal",
	"devices":             "Teal starts plain containers only; run this part outside of Teal",
	"device_cgroup_rules": "Teal starts plain containers only; run this part outside of Teal",
	"gpus":                "Teal starts plain containers only; run this part outside of Teal",
	"runtime":             "Teal uses the engine's own runtime; set it as the engine's default",
	"pid":                 "Teal starts plain containers only; run this part outside of Teal",
	"ipc":                 "Teal starts plain containers only; run this part outside of Teal",
	"uts":                 "Teal starts plain containers only; run this part outside of Teal",
	"userns_mode":         "Teal starts plain containers only; run this part outside of Teal",
	"use_api_socket":      "Teal starts plain containers only; run this part outside of Teal",
	"volumes_from":        "mount a named volume in both parts instead",
	"credential_spec":     "Teal starts plain containers only; run this part outside of Teal",
	"provider":            "Teal starts containers only; take it out",
	"models":              "Teal starts containers only; take it out",
	"pre_start":           "use a part with depends_on: {condition: service_completed_successfully}",
	"post_start":          "Teal runs no hooks; do it in the image's own start",
	"pre_stop":            "Teal runs no hooks; do it where the program handles SIGTERM",
}

// ignored are keys that the container does without. They are told as warnings.
var ignored = []string{
	"annotations", "blkio_config", "cgroup", "cgroup_parent", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota",
	"cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpuset", "dns", "dns_opt", "dns_search",
	"domainname", "external_links", "group_add", "isolation", "links",
	"log_driver", "log_opt", "mac_address", "mem_reservation", "mem_swappiness", "memswap_limit", "net",
	"networks", "oom_kill_disable", "oom_score_adj", "platform", "pull_policy", "pull_refresh_after",
	"stdin_open", "storage_opt", "tty", "umask", "volume_driver",
}

// topLevel are the keys a compose file may begin with.
var topLevel = []string{
	"name", "version", "services", "networks", "volumes", "include", "secrets", "configs", "models", "jobs",
}

// unknownComposeKeys looks for mistyped keys before Compose does, which would
// tell the first one only and not its line.
func (r *reader) unknownComposeKeys() {
	for _, key := range r.source.keys() {
		if !slices.Contains(topLevel, key) && !strings.HasPrefix(key, "x-") && key != "<<" {
			r.complain([]string{key}, "unknown key %q%s", key, didYouMean(key, append([]string{Extension}, topLevel...)))
		}
	}
	known := slices.Concat(carried, ignored, slices.Sorted(maps.Keys(refused)))
	for _, service := range r.source.keys("services") {
		for _, key := range r.source.keys("services", service) {
			if !slices.Contains(known, key) && !strings.HasPrefix(key, "x-") && key != "<<" {
				r.complain([]string{"services", service, key}, "unknown key %q in part %s%s", key, service, didYouMean(key, known))
			}
		}
	}
}

// features refuses or tells what a compose service asks for beyond a plain
// container. It looks at the resolved service, so that what comes from extends
// and include counts.
func (r *reader) features(name string, s types.ServiceConfig) {
	for _, key := range usedKeys(s) {
		path := []string{"services", name, key}
		if way, ok := refused[key]; ok {
			r.complain(path, "part %s has %s, which Teal does not carry over; %s", name, key, way)
		}
		if slices.Contains(ignored, key) {
			r.warn(path, "part %s has %s, which Teal does not carry over; it starts without", name, key)
		}
	}
	r.deployFeatures(name, s.Deploy)
	for _, label := range slices.Sorted(maps.Keys(s.Labels)) {
		if IsOwnLabel(label) {
			r.warn([]string{"services", name, "labels", label}, "part %s sets the label %s, which Teal sets itself; Teal's own value counts", name, label)
		}
	}
}

// deployFeatures tells what deploy asks for beyond limits, and refuses what the
// part would need of its host.
func (r *reader) deployFeatures(name string, d *types.DeployConfig) {
	if d == nil {
		return
	}
	path := []string{"services", name, "deploy"}
	warn := func(keys ...string) {
		r.warn(slices.Concat(path, keys), "part %s has deploy.%s, which Teal does not carry over; it starts without", name, strings.Join(keys, "."))
	}
	for _, key := range usedKeys(d) {
		if key != "resources" {
			warn(key)
		}
	}
	if d.Resources.Reservations == nil {
		return
	}
	for _, key := range usedKeys(d.Resources.Reservations) {
		if key == "devices" {
			r.complain(slices.Concat(path, []string{"resources", "reservations", key}), "part %s has deploy.resources.reservations.devices, which Teal does not carry over; %s", name, refused[key])
			continue
		}
		warn("resources", "reservations", key)
	}
}

// usedKeys are the keys of a compose service, or of its build, that say something, in order.
func usedKeys(s any) []string {
	b, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return nil
	}
	if nets, ok := m["networks"].(map[string]any); ok && len(nets) == 1 {
		if said, ok := nets["default"]; ok && said == nil {
			delete(m, "networks") // Compose gives it to every service
		}
	}
	maps.DeleteFunc(m, func(_ string, v any) bool { return isNothing(v) })
	return slices.Sorted(maps.Keys(m))
}

func isNothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// IsOwnLabel tells whether a label is Teal's to set.
func IsOwnLabel(label string) bool {
	switch label {
	case catalog.ServiceName, catalog.ServiceIgnore, catalog.ServiceEnvironment, catalog.ServiceColour, catalog.ServiceColor,
		catalog.ServiceRelease, catalog.ServiceRevision, catalog.ServiceCheckHTTP, catalog.ServiceCheckTCP,
		catalog.ServiceCheckInterval, catalog.ServiceCheckTimeout:
		return true
	}
	return strings.HasPrefix(label, "teal.")
}
