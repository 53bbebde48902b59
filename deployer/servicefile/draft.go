package servicefile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"teal/catalog"
)

// DraftOptions say what a service file is drafted for. Compose or Image is
// needed, the rest has defaults.
type DraftOptions struct {
	Compose     []byte // a Compose file, as it is written
	Image       string // instead of a Compose file
	Part        string // what takes the requests; the first Compose service with ports when empty
	Port        int    // where it listens; its first port when 0
	Environment string // catalog.DefaultAlias when empty
	Host        string // endpoint of its Docker engine; defaultEndpoint when empty
	File        string // where it is written; empty for the file that Teal reads unless told otherwise
}

// Draft is a service file to begin with.
type Draft struct {
	Text    []byte
	LeftOut []string // what the Compose file has and the draft has not, a sentence each
	// Lint and Deploy are the commands that check and deploy it.
	Lint, Deploy string
}

const (
	defaultEndpoint = "unix:///var/run/docker.sock"
	defaultPort     = 8080 // of an image of which nothing else is known
)

// NewDraft writes a service file. Variables stay variables: no value of the
// environment gets into the file. It is pure.
func NewDraft(opt DraftOptions) (Draft, error) {
	d := draft{opt: opt}
	if d.opt.Environment == "" {
		d.opt.Environment = catalog.DefaultAlias
	}
	if d.opt.Host == "" {
		d.opt.Host = defaultEndpoint
	}
	if err := catalog.CheckEnvironment(d.opt.Environment); err != nil {
		return Draft{}, err
	}
	if err := catalog.CheckEndpoint(d.opt.Host); err != nil {
		return Draft{}, err
	}
	if opt.Image != "" {
		d.fromImage()
	} else if err := d.fromCompose(); err != nil {
		return Draft{}, err
	}
	return d.render()
}

// commands are those that check and deploy what is drafted.
func (opt DraftOptions) commands() (lint, deploy string) {
	if opt.File == "" {
		return "teal lint", "teal deploy"
	}
	return "teal lint " + opt.File, "teal deploy --file " + opt.File
}

// draft is one that is being written.
type draft struct {
	opt     DraftOptions
	file    *yaml.Node // the Compose part of it
	part    string
	port    int
	others  bool   // there are parts that take no requests
	service string // where the name that the file gives can't be one
	leftOut []string
}

// nameFrom makes a service's name of what people call it.
func nameFrom(text string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
	return strings.Trim(name, "-")
}

// fromImage makes the Compose part for a single image, named like its repository.
func (d *draft) fromImage() {
	repository, _, _ := strings.Cut(d.opt.Image, "@")
	repository = repository[strings.LastIndex(repository, "/")+1:]
	repository, _, _ = strings.Cut(repository, ":")
	d.part = nameFrom(repository)
	if d.opt.Part != "" {
		d.part = d.opt.Part
	}
	d.port = d.opt.Port
	if d.port == 0 {
		d.port = defaultPort
	}
	part := mappingOf("image", scalar(d.opt.Image), "ports", portList(fmt.Sprint(d.port)))
	d.file = mappingOf("name", scalar(d.part), "services", mappingOf(d.part, part))
}

// errNoPort is a Compose file in which nothing listens.
var errNoPort = errors.New("no compose service has ports, so it is not known where requests go; name the one that takes them with --part, and where it listens with --port")

// render writes the file.
func (d *draft) render() (Draft, error) {
	var compose bytes.Buffer
	enc := yaml.NewEncoder(&compose)
	enc.SetIndent(2)
	if err := enc.Encode(d.file); err != nil {
		return Draft{}, fmt.Errorf("write the Compose part of the service file: %w", err)
	}
	var out bytes.Buffer
	lint, deploy := d.opt.commands()
	fmt.Fprintf(&out, "# The service file: plain Compose and one section for Teal, which deploys it.\n#\n#   %s, then %s\n", lint, deploy)
	out.Write(compose.Bytes())
	fmt.Fprintf(&out, "\n%s:\n", Extension)
	if d.service != "" {
		fmt.Fprintf(&out, "  service: %s # its name in Consul and in URIs\n", d.service)
	}
	fmt.Fprintf(&out, "  part: %s # takes the requests\n  port: %d # where it listens in its container\n", d.part, d.port)
	fmt.Fprint(&out, draftService)
	if d.others {
		fmt.Fprint(&out, draftOthers)
	}
	fmt.Fprintf(&out, "  environments:\n    %s:\n", d.opt.Environment)
	fmt.Fprintf(&out, "      hosts: [%q] # Docker engines; ssh://web-1 is one too\n", d.opt.Host)
	fmt.Fprint(&out, draftEnvironment)
	return Draft{Text: out.Bytes(), LeftOut: d.leftOut, Lint: lint, Deploy: deploy}, nil
}
