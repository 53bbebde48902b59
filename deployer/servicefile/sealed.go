package servicefile

import (
	"crypto/sha256"
	"encoding/hex"

	"teal/catalog"
)

// sealedFile is a file with a digest in the place of what it holds.
type sealedFile struct {
	Path     string
	SHA256   string
	Mode     uint32
	UID, GID int `json:",omitzero"`
}

func seal(f catalog.File) sealedFile {
	sum := sha256.Sum256(f.Content)
	return sealedFile{Path: f.Path, SHA256: hex.EncodeToString(sum[:]), Mode: f.Mode, UID: f.UID, GID: f.GID}
}
