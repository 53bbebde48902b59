package deployer

import "teal/deployer/hosts"

// Whoever deploys goes through a platform, and this one serves it.
var _ platform = (*hosts.Platform)(nil)

// hosts are the hosts that the deployer works on.
func (d *Deployer) hosts() hosts.Set {
	return hosts.Set{Connections: d.connected, Known: d.opt.Store.Hosts, Tell: d.tellOfHost, Now: d.opt.Now, Poll: d.opt.Poll}
}

// tellOfHost hands on what was done on a host.
func (d *Deployer) tellOfHost(t hosts.Told) {
	kind := Step
	if t.Trouble {
		kind = Note
	}
	d.tell(Event{Kind: kind, State: t.State, Service: t.Service, Host: t.Host, Container: t.Container, Text: t.Text})
}
