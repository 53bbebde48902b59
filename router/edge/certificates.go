package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// DefaultReadEvery is how often the certificates' files are looked at.
const DefaultReadEvery = 5 * time.Second

// CertificateOptions say where certificates are. At least one of Pairs and
// Folder is needed.
type CertificateOptions struct {
	Pairs []Pair // of different names
	// Folder has pairs such as shop.crt (or shop.pem) + shop.key, and subfolders
	// with such pairs or with fullchain.pem + privkey.pem; empty for none.
	Folder string
	// Default is the pair's name or the DNS name of the certificate for clients
	// that name no server, or one there is no certificate for; empty for the first
	// by pair name.
	Default string
	// ClientAuth and ClientCA, a PEM file, are for clients' certificates. The empty
	// ClientAuth is ClientAuthNone, which needs no file.
	ClientAuth ClientAuth
	ClientCA   string
	ReadEvery  time.Duration // 0 for DefaultReadEvery
	Logger     hclog.Logger
}

// Certificates are a server's certificates, read again when their files change.
// Whatever becomes of the files, the last good certificate of each stays in use.
// All methods may be called from anywhere at any time.
type Certificates struct {
	options CertificateOptions
	names   atomic.Pointer[names]
	client  atomic.Pointer[tls.Config] // the configuration with the current authorities; nil for none

	mu           sync.Mutex // held while files are read, and for what follows
	kept         map[string]*kept
	ca           *clientCA
	defaultFound bool
	folder       complaint
	fallback     complaint
}

// LoadCertificates reads the certificates for the first time. It fails if a pair
// of Pairs or the ClientCA can't be read, if Default is nobody's name, and if
// there is no certificate at all; a broken pair in the folder is logged.
func LoadCertificates(o CertificateOptions) (*Certificates, error) {
	if len(o.Pairs) == 0 && o.Folder == "" {
		return nil, errors.New("load certificates: neither files nor a folder are named; name a certificate and its key, or a folder of such pairs")
	}
	if o.ReadEvery == 0 {
		o.ReadEvery = DefaultReadEvery
	}
	c := &Certificates{options: o, kept: map[string]*kept{}}
	for _, pair := range o.Pairs {
		c.kept[pair.Name] = &kept{pair: pair}
	}
	if o.ClientAuth.tls() != tls.NoClientCert {
		if o.ClientCA == "" {
			return nil, errors.New("clients are asked for certificates, but no file of authorities is named to verify them with; name one")
		}
		c.ca = &clientCA{path: o.ClientCA}
	}
	if err := c.Reload(); err != nil { // it may meet files that are being written
		if err = c.Reload(); err != nil && !c.usable() {
			return nil, fmt.Errorf("load certificates: %w", err)
		}
	}
	if !c.usable() {
		return nil, fmt.Errorf("load certificates: there is none in %s; put pairs such as name.crt and name.key there", o.Folder)
	}
	return c, nil
}

// usable tells whether all that must be there at the start is there.
func (c *Certificates) usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pair := range c.options.Pairs {
		if c.kept[pair.Name].cert == nil {
			return false
		}
	}
	return c.names.Load() != nil && c.defaultFound && (c.ca == nil || c.ca.pool != nil)
}

// Run reads changed files until ctx ends.
func (c *Certificates) Run(ctx context.Context) error {
	ticker := time.NewTicker(c.options.ReadEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			_ = c.Reload() // it logs what lasts
		}
	}
}

// GetCertificate is the certificate for a client, as tls.Config asks for it.
func (c *Certificates) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.names.Load().choose(hello), nil
}

// TLSConfig is a server's configuration: TLS 1.2 or later, HTTP/2 or HTTP/1.1.
// It follows the files.
func (c *Certificates) TLSConfig() *tls.Config {
	config := c.baseConfig()
	if c.ca != nil {
		config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.client.Load(), nil }
	}
	return config
}

func (c *Certificates) baseConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: c.GetCertificate,
	}
}

// Expiries is when each pair's certificate in use ends, by the pair's name.
func (c *Certificates) Expiries() map[string]time.Time {
	ends := map[string]time.Time{}
	for name, cert := range c.inUse() {
		ends[name] = cert.Leaf.NotAfter
	}
	return ends
}

func (c *Certificates) inUse() map[string]*tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.usableCerts())
}
