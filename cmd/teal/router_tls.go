package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/pflag"

	"teal/router/edge"
)

// tlsFlags are about HTTPS.
type tlsFlags struct {
	listen             string
	cert, key, folder  string
	fallback           string
	clientAuth, client string
}

func (f *tlsFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.listen, "tls-listen", "", "where requests come in over TLS, such as :8443 (default nowhere)")
	fs.StringVar(&f.cert, "tls-cert", "", "PEM file of a certificate and its intermediates")
	fs.StringVar(&f.key, "tls-key", "", "PEM file of that certificate's key")
	fs.StringVar(&f.folder, "tls-folder", "", "folder of certificates: name.crt (or .pem) and name.key, or folders with fullchain.pem and privkey.pem")
	fs.StringVar(&f.fallback, "tls-default", "", "file name or DNS name of the certificate for clients that ask for no name there is one for (default the first)")
	fs.StringVar(&f.clientAuth, "tls-client-auth", "none", "whether clients show a certificate: none, request or require")
	fs.StringVar(&f.client, "tls-client-ca", "", "PEM file of the authorities that sign clients' certificates")
}

// certificates loads those that the flags name; nil without HTTPS.
func (f *tlsFlags) certificates(log hclog.Logger) (*edge.Certificates, error) {
	if f.listen == "" {
		if f.cert+f.key+f.folder+f.client+f.fallback != "" || f.clientAuth != "none" {
			return nil, usageError{errors.New("--tls-* flags are set, but no --tls-listen to use them at; set it, such as :8443")}
		}
		return nil, nil
	}
	auth, err := edge.ParseClientAuth(f.clientAuth)
	switch {
	case err != nil:
		return nil, usageError{fmt.Errorf("--tls-client-auth: %w", err)}
	case (f.cert == "") != (f.key == ""):
		return nil, usageError{errors.New("--tls-cert and --tls-key go together; set both")}
	case f.cert == "" && f.folder == "":
		return nil, usageError{errors.New("--tls-listen needs certificates; set --tls-cert and --tls-key, or --tls-folder")}
	case auth != edge.ClientAuthNone && f.client == "":
		return nil, usageError{fmt.Errorf("--tls-client-auth %s needs --tls-client-ca, to verify certificates with", auth)}
	}
	o := edge.CertificateOptions{Folder: f.folder, Default: f.fallback, ClientAuth: auth, ClientCA: f.client, Logger: log}
	if f.cert != "" {
		name := strings.TrimSuffix(filepath.Base(f.cert), filepath.Ext(f.cert))
		o.Pairs = []edge.Pair{{Name: name, Cert: f.cert, Key: f.key}}
	}
	return edge.LoadCertificates(o)
}
