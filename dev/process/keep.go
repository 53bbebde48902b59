package process

import (
	"fmt"
	"os/exec"
	"time"

	"teal/catalog"
)

// keep runs a process, and again as its restart policy has it, until it ends for
// good. How the first start went is told to first, which must have room.
func (p *Platform) keep(proc *process, r *run, first chan<- error) {
	defer p.keepers.Done()
	defer p.finish(proc, r)
	var again restarts
	for {
		began := time.Now()
		cmd, err := p.begin(proc, r)
		if first != nil {
			first <- err
			first = nil
		}
		if err != nil {
			p.opt.Logger.Warn("a process did not start", "name", proc.spec.Name, "error", err)
			return
		}
		code := r.wait(cmd)
		p.setExited(proc, code)
		delay, restart := again.next(proc.spec.Restart, code, time.Since(began))
		if !restart || !r.pause(delay) {
			return
		}
	}
}

// begin starts the process on free ports.
func (p *Platform) begin(proc *process, r *run) (*exec.Cmd, error) {
	cmd, err := p.prepare(proc)
	if err == nil {
		err = p.spawner.spawn(cmd, proc.spec.Network == catalog.NoNetwork, r.asked)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		proc.ports, proc.exit = nil, 127 // what a shell says of a command it can't run
		return nil, fmt.Errorf("run %q: %w", proc.command, err)
	}
	proc.running, proc.exit, proc.started = true, 0, p.opt.Now()
	p.hint()
	return cmd, nil
}

func (p *Platform) prepare(proc *process) (*exec.Cmd, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := map[int]bool{}
	for _, other := range p.procs {
		for _, port := range other.ports {
			taken[port.Host] = true
		}
	}
	wanted := proc.spec.Ports
	if proc.spec.Network == catalog.NoNetwork {
		wanted = nil // nobody could reach them
	}
	ports, err := publish(wanted, taken)
	if err != nil {
		return nil, err
	}
	proc.ports = ports
	return proc.commandToStart()
}

func (p *Platform) setExited(proc *process, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc.running, proc.exit, proc.ports = false, code, nil
	p.hint()
}

func (p *Platform) finish(proc *process, r *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc.run, r.exit = nil, proc.exit
	close(r.done)
}
