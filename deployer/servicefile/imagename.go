package servicefile

import "strings"

// InRegistry is a service's own image in another registry. What is built
// elsewhere, a database say, stays where it is.
func InRegistry(image string, part Part, registry string) string {
	if registry == "" || part.Build == nil || !NamesRegistry(image) {
		return image
	}
	_, rest, _ := strings.Cut(image, "/")
	return registry + "/" + rest
}

// NamesRegistry tells whether an image's name begins with the registry that it
// lies in. Of one that does not, a host may have its own.
func NamesRegistry(image string) bool {
	host, _, ok := strings.Cut(image, "/")
	return ok && (strings.ContainsAny(host, ".:") || host == "localhost")
}
