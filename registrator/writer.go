package registrator

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"teal/catalog"
)

// errNotYet: the container asks not to be registered in its present state.
var errNotYet = errors.New("not healthy yet")

// writer makes the registration of one port of one container.
type writer struct {
	container catalog.Container
	port      catalog.Port
	attrs     map[string]string // what holds for this port
	suffix    bool              // whether the name needs the port
	opt       Options
}

// registration answers what to register, with complaints about what was left
// out of it. With an error there is nothing to register, but the service's name
// may be known.
func (w writer) registration() (catalog.Registration, []string, error) {
	i := catalog.Instance{
		Service: w.name(), ID: w.id(), Owner: w.opt.Owner,
		Release: w.attrs[attrRelease], Revision: w.attrs[attrRevision], Protocol: w.attrs[attrProtocol],
		Image: w.container.Image, Container: short(w.container.ID), Tags: splitTags(w.attrs[attrTags]),
	}
	r := catalog.Registration{ID: i.ID, Service: i.Service}
	if err := w.ready(); err != nil {
		return r, nil, err
	}
	if err := w.place(&i); err != nil {
		return r, nil, err
	}
	var complaints []string
	i.Meta, complaints = userMeta(w.attrs)
	complaints = append(complaints, limitMeta(&i)...)
	r.Address, r.Port, r.Tags, r.Meta = i.Address, i.Port, i.EncodeTags(), i.EncodeMeta()
	if err := understandable(r); err != nil {
		return r, complaints, err
	}
	var err error
	r.Checks, err = checksIn(w.attrs, r, w.container.ID)
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

// place says where the instance is reached and what target it belongs to.
func (w writer) place(i *catalog.Instance) (err error) {
	if i.Service == "" {
		return fmt.Errorf("it has no name and neither has its image; set SERVICE_NAME")
	}
	i.Target.Environment = strings.TrimSpace(w.attrs[attrEnvironment])
	if i.Target.Colour, err = colourIn(w.attrs); err != nil {
		return err
	}
	if w.opt.Internal {
		i.Address, err = w.internalAddress()
		i.Port = w.port.Private
		return err
	}
	i.Address, err = w.publishedAddress()
	i.Port = w.port.Host
	return err
}

// ready holds back a container whose Docker health is to count until Docker
// calls it healthy.
func (w writer) ready() error {
	switch {
	case !isTrue(w.attrs[attrDockerHealth]) || w.container.Health == "healthy":
		return nil
	case w.container.Health == "":
		return fmt.Errorf("it asks for SERVICE_CHECK_DOCKER_HEALTH but has no HEALTHCHECK; give its image one")
	case w.container.Health == "unhealthy":
		return fmt.Errorf("Docker calls it unhealthy, so it is not registered; see its HEALTHCHECK")
	}
	return errNotYet
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

// publishedAddress is the host's address, or the one address of the host that
// the port is published on.
func (w writer) publishedAddress() (string, error) {
	bound, err := netip.ParseAddr(w.port.HostIP)
	if err != nil || bound.IsUnspecified() {
		return w.opt.Address, nil
	}
	if ours, err := netip.ParseAddr(w.opt.Address); bound.IsLoopback() && (err != nil || !ours.IsLoopback()) {
		return "", fmt.Errorf("port %d is published on %s only, which other hosts can't reach; publish it on all addresses", w.port.Private, w.port.HostIP)
	}
	return w.port.HostIP, nil
}

// internalAddress is the container's own address in the network it names, else
// in the first by name that gives it one.
func (w writer) internalAddress() (string, error) {
	wanted := strings.TrimSpace(w.attrs[attrNetwork])
	for _, n := range w.container.Networks {
		if n.IP != "" && cmp.Or(wanted, n.Name) == n.Name {
			return n.IP, nil
		}
	}
	if wanted != "" {
		return "", fmt.Errorf("it has no address in network %s, which SERVICE_NETWORK names; connect it to that network", wanted)
	}
	return "", fmt.Errorf("it has no address of its own in any network; connect it to one, or register published ports")
}
