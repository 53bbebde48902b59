package servicefile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"teal/catalog"
)

// maxSecret bounds each file that is put into containers, as in Docker itself.
const maxSecret = 500 << 10

// The two kinds of files that a service file declares at its top. They differ in
// where they lie in the containers.
const (
	secretKind = "secrets"
	configKind = "configs"
)

// origin is where the content of a secret or config comes from. Exactly one of
// file, variable and content is set.
type origin struct {
	at       []string // where the service file says so
	file     string   // absolute
	variable string
	content  *string
}

// mount is a secret or config in a part.
type mount struct {
	kind, name string
	file       catalog.File // without what it holds
}

// key names what is mounted: secrets.db_password.
func (m mount) key() string { return m.kind + "." + m.name }

// called is what it is called in sentences: secret db_password.
func (m mount) called() string { return strings.TrimSuffix(m.kind, "s") + " " + m.name }

// own keeps what an environment says of its secrets and configs, until files reads
// them.
func (r *reader) own(env string, x fields) {
	all := map[string]origin{}
	for _, kind := range []string{secretKind, configKind} {
		entries := x[kind].entries()
		for _, name := range entries.keys() {
			entry := entries[name]
			if declared := r.source.keys(kind); !slices.Contains(declared, name) {
				entry.complain("%s is not declared; add it under the top-level %s%s", entry.name(), kind, didYouMean(name, declared))
				continue
			}
			if o, ok := entry.origin(kind); ok {
				all[kind+"."+name] = o
			}
		}
	}
	if r.origins == nil {
		r.origins = map[string]map[string]origin{}
	}
	r.origins[env] = all
}

// origin reads where an environment has something from.
func (f field) origin(kind string) (origin, bool) {
	known := []string{"file", "variable"}
	if kind == configKind {
		known = append(known, "content")
	}
	x := f.mapping(known...)
	o := origin{at: f.path, variable: x["variable"].variableName("what is wanted", "DB_PASSWORD")}
	if o.file = x["file"].text(); o.file != "" && !filepath.IsAbs(o.file) {
		o.file = filepath.Join(filepath.Dir(f.reader.file), o.file)
	}
	switch text, ok := x["content"].value.(string); {
	case ok:
		o.content = &text
	case x["content"].value != nil:
		x["content"].complain("%s must be a text", x["content"].name())
	}
	said := slices.DeleteFunc(slices.Clone(known), func(key string) bool {
		return x[key].value == nil || x[key].value == "" && key != "content"
	})
	if _, ok := f.value.(map[string]any); (ok || f.value == nil) && len(said) != 1 {
		f.complain("%s must have exactly one of %s", f.name(), strings.Join(known, ", "))
	}
	return o, o.file != "" || o.variable != "" || o.content != nil
}

// files reads what the secrets and configs of the parts hold, in general and in
// each environment that has its own. What can't be read is a matter of those
// environments that need it.
func (r *reader) files(spec *Spec, project *types.Project) {
	general := generalOrigins(project)
	for n := range spec.Parts {
		p := &spec.Parts[n]
		mounts := r.mounts(project, project.Services[p.Name])
		if len(mounts) == 0 {
			continue
		}
		r.checkPlaces(*p, mounts)
		p.Files = map[string][]catalog.File{}
		p.Files[""], _ = r.contents(mounts, general, "")
		for _, name := range slices.Sorted(maps.Keys(spec.Environments)) {
			env := spec.Environments[name]
			origins := maps.Clone(general)
			maps.Copy(origins, r.origins[name])
			files, missing := r.contents(mounts, origins, name)
			for _, issue := range missing {
				env.Missing = append(env.Missing, issue.String())
			}
			slices.Sort(env.Missing) // two parts may miss the same
			env.Missing = slices.Compact(env.Missing)
			spec.Environments[name] = env
			r.missing = append(r.missing, missing...)
			if r.hasOwn(name, mounts) {
				p.Files[name] = files
			}
		}
	}
}

// checkPlaces looks for files that could not be put where they belong, or that would
// not be seen there: they are put in before the container starts.
func (r *reader) checkPlaces(p Part, mounts []mount) {
	for _, m := range mounts {
		of := []string{"services", p.Name, m.kind}
		if at := folderOf(m.file.Path, slices.Collect(maps.Keys(p.Sandbox.Tmpfs))); at != "" {
			r.complain(of, "part %s has a tmpfs at %s, which would hide the %s at %s; give it another target", p.Name, at, m.called(), m.file.Path)
		}
		var writable []string
		for _, v := range p.Volumes {
			if !v.ReadOnly {
				writable = append(writable, v.Target)
			}
		}
		if p.Sandbox.ReadOnly && folderOf(m.file.Path, writable) == "" {
			r.complain(of, "part %s is read_only, so that the %s can't be put in at %s; give it a target in one of the part's volumes, or take read_only out", p.Name, m.called(), m.file.Path)
		}
	}
}

// folderOf is the folder that a file lies below; empty where none is.
func folderOf(file string, folders []string) string {
	for _, folder := range slices.Sorted(slices.Values(folders)) {
		if strings.HasPrefix(file, strings.TrimSuffix(path.Clean(folder), "/")+"/") {
			return folder
		}
	}
	return ""
}

// hasOwn tells whether an environment has a source of its own for one of mounts.
func (r *reader) hasOwn(env string, mounts []mount) bool {
	return slices.ContainsFunc(mounts, func(m mount) bool {
		_, ok := r.origins[env][m.key()]
		return ok
	})
}

// contents fills mounts, and says why the environment can't have the others.
func (r *reader) contents(mounts []mount, origins map[string]origin, env string) ([]catalog.File, []Issue) {
	var files []catalog.File
	var missing []Issue
	for _, m := range mounts {
		o := origins[m.key()]
		content, err := r.content(o)
		if err != nil {
			missing = append(missing, r.issue(o.at, "environment %s needs %s from %v, or give it one of its own in %s.environments.%s.%s", env, m.called(), err, Extension, env, m.kind))
			continue
		}
		m.file.Content = content
		files = append(files, m.file)
	}
	return files, missing
}

// content is what an origin holds. The error says nothing of that.
func (r *reader) content(o origin) ([]byte, error) {
	var content []byte
	switch {
	case o.file != "":
		var err error
		if content, err = readRegularFile(o.file, maxSecret); err != nil {
			return nil, fmt.Errorf("the file %s, which can't be read here: %w; put it there", r.beside(o.file), err)
		}
	case o.variable != "":
		if content = []byte(r.variables[o.variable]); len(content) == 0 {
			return nil, fmt.Errorf("the variable %s, which is not set here; set it", o.variable)
		}
	case o.content != nil:
		content = []byte(*o.content)
	default:
		return nil, errors.New("outside of the file")
	}
	if len(content) > maxSecret {
		return nil, fmt.Errorf("what is larger than %d kB; make it smaller", maxSecret>>10)
	}
	return content, nil
}

// beside is a file's path as seen from the service file, where it is below that.
func (r *reader) beside(file string) string {
	if rel, err := filepath.Rel(filepath.Dir(r.file), file); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return file
}

// generalOrigins are where the file has its secrets and configs from, by key.
func generalOrigins(project *types.Project) map[string]origin {
	all := map[string]origin{}
	add := func(kind, name string, c types.FileObjectConfig) {
		if (declaredFile{FileObjectConfig: c}).isOutside() {
			return
		}
		o := origin{at: []string{kind, name}, file: c.File, variable: c.Environment}
		if o.file == "" && o.variable == "" {
			o.content = &c.Content
		}
		all[kind+"."+name] = o
	}
	for name, c := range project.Secrets {
		add(secretKind, name, types.FileObjectConfig(c))
	}
	for name, c := range project.Configs {
		add(configKind, name, types.FileObjectConfig(c))
	}
	return all
}

// mounts reads the secrets and configs that a part has.
func (r *reader) mounts(project *types.Project, s types.ServiceConfig) []mount {
	var all []mount
	for n, c := range s.Secrets {
		declared, ok := project.Secrets[c.Source]
		d := declaredFile{types.FileObjectConfig(declared), ok, slices.Collect(maps.Keys(project.Secrets))}
		all = r.mount(all, r.field("services", s.Name, secretKind, strconv.Itoa(n)), types.FileReferenceConfig(c), d)
	}
	for n, c := range s.Configs {
		declared, ok := project.Configs[c.Source]
		d := declaredFile{types.FileObjectConfig(declared), ok, slices.Collect(maps.Keys(project.Configs))}
		all = r.mount(all, r.field("services", s.Name, configKind, strconv.Itoa(n)), types.FileReferenceConfig(c), d)
	}
	return all
}

// declaredFile is a secret or config at the top of the file.
type declaredFile struct {
	types.FileObjectConfig
	there bool
	known []string // the names of all of its kind
}

// isOutside tells whether somebody else keeps what it holds.
func (d declaredFile) isOutside() bool {
	return bool(d.External) || d.Driver != "" || d.TemplateDriver != ""
}

// mount adds what a part has at one place to what it has already.
func (r *reader) mount(all []mount, at field, c types.FileReferenceConfig, d declaredFile) []mount {
	part, kind := at.path[1], at.path[2]
	m := mount{kind: kind, name: c.Source, file: at.target(kind, c)}
	if !d.there {
		at.complain("part %s has the %s, which is not declared; add it under the top-level %s%s", part, m.called(), kind, didYouMean(c.Source, d.known))
		return all
	}
	if slices.ContainsFunc(all, func(o mount) bool { return o.file.Path == m.file.Path }) {
		at.complain("part %s has two files at %s; give one of them another target", part, m.file.Path)
		return all
	}
	for _, env := range slices.Sorted(maps.Keys(r.origins)) {
		if d.isOutside() && !r.hasOwn(env, []mount{m}) {
			r.complain([]string{kind, c.Source}, "%s is kept outside of the file, where Teal can't read it; give it a file: or environment:, or give %s one of its own in %s.environments.%s.%s", m.called(), env, Extension, env, kind)
		}
	}
	return append(all, m)
}

// target is where in its container a file lies, and whose it is there.
func (f field) target(kind string, c types.FileReferenceConfig) catalog.File {
	const (
		everybodyReads = 0o444
		permissions    = 0o777
	)
	folder := "/"
	if kind == secretKind {
		folder = "/run/secrets"
	}
	to := cmp.Or(c.Target, c.Source)
	if !path.IsAbs(to) {
		to = path.Join(folder, to)
	}
	file := catalog.File{Path: path.Clean(to), Mode: everybodyReads, UID: f.id("uid", c.UID), GID: f.id("gid", c.GID)}
	if file.Path == "/" {
		f.complain("%s has the target %q, which is no file; write a path in the container", f.name(), c.Target)
	}
	if c.Mode == nil {
		return file
	}
	if *c.Mode < 0 || *c.Mode > permissions {
		f.complain("%s has a mode that is not from 0000 to 0777; write one in octal, such as 0440", f.name())
		return file
	}
	file.Mode = uint32(*c.Mode)
	return file
}

// id reads the number of a user or group; 0 where there is none.
func (f field) id(key, text string) int {
	const most = 1<<31 - 1
	if text == "" {
		return 0
	}
	id, err := strconv.Atoi(text)
	if err != nil || id < 0 || id > most {
		f.complain("%s has the %s %q; write its number, as the host does not know the names in the image", f.name(), key, text)
		return 0
	}
	return id
}
