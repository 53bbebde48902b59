package servicefile

import "github.com/compose-spec/compose-go/v2/types"

// unknownExtensionKeys looks for mistyped keys in what Teal adds to a file that
// Compose can't read. What else is wrong there can't be told yet: variables are not
// filled in, and there are no parts.
func (r *reader) unknownExtensionKeys() {
	other := &reader{file: r.file, source: r.source, variables: r.variables}
	for _, service := range r.source.keys("services") {
		other.isShared(types.ServiceConfig{Name: service, Extensions: r.source.extension("services", service)})
	}
	other.extension(&Spec{Path: r.file}, &types.Project{Extensions: r.source.extension()})
	r.issues = append(r.issues, other.unknown...)
}

// extension is x-teal at path, as it is written.
func (s source) extension(path ...string) types.Extensions {
	var value map[string]any
	node := s.node(append(path, Extension)...)
	if node == nil || node.Decode(&value) != nil {
		return nil
	}
	return types.Extensions{Extension: value}
}
