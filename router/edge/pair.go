package edge

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"os"
)

// Pair is where a certificate lies: two PEM files, and the name by which logs and
// metrics call them.
type Pair struct {
	Name string
	Cert string // the certificate, then its intermediates
	Key  string
}

// kept is a pair with the last good certificate read from it.
type kept struct {
	pair      Pair
	sum       [sha256.Size]byte // of the files that cert was read from
	cert      *tls.Certificate  // nil until it could be read
	err       error             // of the last reading
	complaint complaint
	missed    int // how often it was looked for in its folder in vain
}

// read reads the files again and tells whether there is a new certificate. What
// is broken changes nothing but err.
func (k *kept) read() (changed bool) {
	var cert, key []byte
	if cert, k.err = os.ReadFile(k.pair.Cert); k.err != nil {
		return false
	}
	if key, k.err = os.ReadFile(k.pair.Key); k.err != nil {
		return false
	}
	sum := sha256.Sum256(append(append(cert[:len(cert):len(cert)], 0), key...))
	if k.cert != nil && sum == k.sum {
		return false
	}
	parsed, err := tls.X509KeyPair(cert, key)
	if err != nil {
		k.err = fmt.Errorf("%s and %s are no certificate and its key in PEM: %w", k.pair.Cert, k.pair.Key, err)
		return false
	}
	k.cert, k.sum = &parsed, sum
	return true
}
