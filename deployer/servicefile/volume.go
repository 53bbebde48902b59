package servicefile

import (
	"maps"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"teal/catalog"
)

func (r *reader) volumes(project *types.Project, s types.ServiceConfig) []PartVolume {
	var volumes []PartVolume
	for n, v := range s.Volumes {
		path := []string{"services", s.Name, "volumes", strconv.Itoa(n)}
		volume := PartVolume{Volume: catalog.Volume{Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}}
		r.checkMount(path, s.Name, v)
		switch {
		case v.Type == types.VolumeTypeBind && v.Bind != nil:
			volume.Propagation = v.Bind.Propagation
		case v.Type == types.VolumeTypeBind:
		case v.Type == types.VolumeTypeVolume && v.Source == "":
			r.complain(path, "part %s mounts an unnamed volume at %s; give it a name, such as data:%s", s.Name, v.Target, v.Target)
			continue
		case v.Type == types.VolumeTypeVolume:
			volume.Source, volume.Private = r.volumeName(project, path, v.Source)
			volume.NoCopy = v.Volume != nil && v.Volume.NoCopy
		case v.Type == types.VolumeTypeTmpfs:
			r.complain(path, "part %s mounts a tmpfs at %s among its volumes; write it under the part's tmpfs, such as %s:size=64m", s.Name, v.Target, v.Target)
			continue
		default:
			r.complain(path, "part %s has a mount of type %s at %s; Teal mounts folders and named volumes only", s.Name, v.Type, v.Target)
			continue
		}
		volumes = append(volumes, volume)
	}
	return volumes
}

// volumeName is a volume's name on the host. One with a name of its own, or an
// external one, is shared between targets; the user has said so. The others
// each target has for itself.
func (r *reader) volumeName(project *types.Project, path []string, key string) (name string, private bool) {
	v, ok := project.Volumes[key]
	if !ok {
		r.complain(path, "volume %s is not declared; add it under the top-level volumes", key)
		return key, true
	}
	if bool(v.External) || v.Name != project.Name+"_"+key {
		return v.Name, false
	}
	return key, true
}

// checkMount refuses options of a mount without which the part would find something
// else there than the file says.
func (r *reader) checkMount(path []string, part string, v types.ServiceVolumeConfig) {
	complain := func(what, way string) {
		r.complain(path, "part %s mounts %s with %s, which Teal does not carry over; %s", part, v.Target, what, way)
	}
	if v.Bind != nil {
		if v.Bind.SELinux != "" {
			complain("the SELinux option "+v.Bind.SELinux, "label the folder on each host yourself (chcon -R -t container_file_t), and take the option out")
		}
		if v.Bind.Propagation != "" && v.Type != types.VolumeTypeBind {
			complain("the propagation "+v.Bind.Propagation, "that is for folders of the host; take it out")
		}
		if v.Bind.Recursive != "" && v.Bind.Recursive != "enabled" {
			complain("recursive: "+v.Bind.Recursive, "take it out if what is mounted below the folder may be there too")
		}
	}
	if v.Volume != nil {
		if v.Volume.Subpath != "" {
			complain("the subpath "+v.Volume.Subpath, "mount the whole volume, or give what lies there a volume of its own")
		}
		if len(v.Volume.Labels) > 0 {
			r.warn(path, "part %s mounts %s with labels, which Teal does not carry over; its volume is made without", part, v.Target)
		}
	}
}

// checkVolumes refuses volumes that engines would have to make in another way than
// by themselves, when a part first mounts them.
func (r *reader) checkVolumes(project *types.Project) {
	const way = "make the volume on each host yourself (docker volume create), and declare it here with its name and external: true"
	for _, key := range slices.Sorted(maps.Keys(project.Volumes)) {
		v := project.Volumes[key]
		at := []string{"volumes", key}
		if bool(v.External) || !mounted(project, key) {
			continue // somebody has made it, or nobody asks for it
		}
		if v.Driver != "" && v.Driver != "local" {
			r.complain(append(slices.Clone(at), "driver"), "volume %s has the driver %s, which Teal does not carry over; %s", key, v.Driver, way)
		}
		if len(v.DriverOpts) > 0 {
			r.complain(append(slices.Clone(at), "driver_opts"), "volume %s has driver_opts, which Teal does not carry over; %s", key, way)
		}
		if len(v.Labels) > 0 {
			r.warn(append(slices.Clone(at), "labels"), "volume %s has labels, which Teal does not carry over; it is made without", key)
		}
	}
}

// mounted tells whether a part of the project mounts a volume.
func mounted(project *types.Project, volume string) bool {
	for _, part := range project.Services {
		if slices.ContainsFunc(part.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source == volume }) {
			return true
		}
	}
	return false
}
