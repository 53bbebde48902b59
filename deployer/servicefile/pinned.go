package servicefile

import "strings"

// IsPinned tells whether an image is named by its digest, so that it is the same
// everywhere and for ever.
func IsPinned(image string) bool { return strings.Contains(image, "@sha256:") }

// ImageDigest is the part of a pinned image that says what it is, wherever it lies;
// for others it is the whole text.
func ImageDigest(image string) string {
	if _, digest, ok := strings.Cut(image, "@"); ok {
		return digest
	}
	return image
}
