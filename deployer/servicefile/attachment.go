package servicefile

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// maxAttachment bounds each file that goes into the service's configuration.
// Written as JSON a byte becomes up to six, and Consul holds 512 kB in a key.
const maxAttachment = 64 << 10

// attachment reads the file that is named, from beside the service file.
func (f field) attachment() []byte {
	name := f.text()
	if name == "" {
		return nil
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(f.file), path)
	}
	content, err := readSmallFile(path)
	if err != nil {
		f.complain("%s can't be read from %q: %v; name a file by its path from the service file", f.name(), name, err)
		return nil
	}
	return content
}

// readSmallFile reads a file that must hold something.
func readSmallFile(path string) ([]byte, error) {
	content, err := readRegularFile(path, maxAttachment)
	if err == nil && len(content) == 0 {
		err = errors.New("it is empty")
	}
	return content, err
}

// readRegularFile reads a file of at most so many bytes.
func readRegularFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path) // before it is opened, as opening a pipe waits
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, most+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case int64(len(content)) > most:
		return nil, fmt.Errorf("it is larger than %d kB", most>>10)
	}
	return content, nil
}

// withoutPath is an error less the path, which differs from machine to machine.
func withoutPath(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// page reads a page of HTML.
func (f field) page() string {
	content := f.attachment()
	if !utf8.Valid(content) {
		f.complain("%s names a page that is not UTF-8; save it as such", f.name())
		return ""
	}
	return string(content)
}

// authority reads the certificates of a CA. Whatever else the file holds is left
// out, except that a private key is refused: everybody can read what is written
// to Consul.
func (f field) authority() string {
	content := f.attachment()
	if content == nil {
		return ""
	}
	var certificates bytes.Buffer
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			f.complain("%s names a file with a %s in it; name one that holds certificates only", f.name(), block.Type)
			return ""
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			f.complain("%s names a file with a certificate that can't be read: %v; export it anew", f.name(), err)
			return ""
		}
		_ = pem.Encode(&certificates, &pem.Block{Type: block.Type, Bytes: block.Bytes}) // a Buffer takes all
	}
	if certificates.Len() == 0 {
		f.complain("%s names a file without a certificate in PEM; export the CA in that form", f.name())
	}
	return certificates.String()
}
