package registrator

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"teal/catalog"
)

// writer makes the registration of one port of one container.
type writer struct {
	container catalog.Container
	port      catalog.Port
	attrs     map[string]string // what holds for this port
	suffix    bool              // whether the name needs the port
	opt       Options
}

func writerOf(c catalog.Container, p catalog.Port, s settings, opt Options) writer {
	twin := p.Protocol != "tcp" && slices.ContainsFunc(c.Ports, func(o catalog.Port) bool { return o.Private == p.Private && o.Protocol == "tcp" })
	return writer{container: c, port: p, attrs: s.port(p, twin), opt: opt}
}

// ignored tells whether the port is not to be registered.
func (w writer) ignored() bool {
	return isTrue(w.attrs[attrIgnore]) || (w.opt.Explicit && w.attrs[attrName] == "")
}

// registration answers what to register, with complaints about what was left
// out of it. With an error there is nothing to register, but the service's name
// may be known.
func (w writer) registration() (catalog.Registration, []string, error) {
	i := catalog.Instance{
		Service: w.name(), ID: w.id(), Owner: w.opt.Owner,
		Release: w.attrs[attrRelease], Revision: w.attrs[attrRevision], Protocol: w.attrs[attrProtocol],
		Image: w.container.Image, Container: short(w.container.ID), Tags: w.tags(),
	}
	r := catalog.Registration{ID: i.ID, Service: i.Service, Incarnation: incarnation(w.container)}
	if i.Service == "" {
		return r, nil, fmt.Errorf("it has no name and neither has its image; set SERVICE_NAME")
	}
	var err error
	if i.Target, err = w.target(); err != nil {
		return r, nil, err
	}
	if r.Address, r.Port, err = w.place(); err != nil {
		return r, nil, err
	}
	var complaints []string
	i.Meta, complaints = userMeta(w.attrs)
	complaints = append(complaints, limitMeta(&i)...)
	r.Tags, r.Meta = i.EncodeTags(), i.EncodeMeta()
	if err := understandable(r); err != nil {
		return r, complaints, err
	}
	r.Checks, err = checker{attrs: w.attrs, r: r, container: w.container, port: w.port}.checks()
	return r, complaints, err
}

// understandable tells why a router could not route to an instance that means to
// be routed.
func understandable(r catalog.Registration) error {
	_, problem, _ := catalog.ParseInstance(catalog.Entry{
		ID: r.ID, Service: r.Service, Address: r.Address, Port: r.Port, Tags: r.Tags, Meta: r.Meta,
	})
	if problem != nil {
		return errors.New(problem.Message)
	}
	return nil
}

// target says which target the instance belongs to.
func (w writer) target() (t catalog.Target, err error) {
	t.Environment = strings.TrimSpace(w.attrs[attrEnvironment])
	t.Colour, err = colourIn(w.attrs)
	return t, err
}

// tags are the user's, those of all services, and the protocol where it is not
// TCP, as the classic registrator has it.
func (w writer) tags() []string {
	tags := slices.Concat(splitTags(w.attrs[attrTags]), w.opt.Tags)
	if w.port.Protocol == "udp" {
		tags = append(tags, w.port.Protocol)
	}
	return tags
}

func (w writer) name() string {
	name := strings.TrimSpace(w.attrs[attrName])
	if name == "" {
		name = defaultName(w.container.Image)
	}
	if w.suffix {
		name += "-" + strconv.Itoa(w.port.Private)
	}
	return name
}

// id is the same for the same container, whichever registrator of this owner
// looks at it.
func (w writer) id() string {
	if id := strings.TrimSpace(w.attrs[attrID]); id != "" {
		return id
	}
	id := w.opt.Owner + ":" + w.container.Name + ":" + strconv.Itoa(w.port.Private)
	if w.port.Protocol == "udp" {
		id += ":udp"
	}
	return id
}
