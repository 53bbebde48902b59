//go:build integration

package integration

import (
	"fmt"
	"testing"
	"time"
)

// ending is how long a deployer may take to end after what it needs has gone or
// has come back.
const ending = 3 * time.Minute

// A deployer may die anywhere: the next one finishes or reverts what it left, and
// nobody notices.
func TestDeployerKilledAtEveryState(t *testing.T) {
	w := newFleetWorld(t)
	w.images(t, first, second)
	w.atEach(t, moments, func(t *testing.T, m moment, name string) {
		w.newShop(t, name, m.file).survives(m, (*command).kill)
	})
}

// Consul hangs for the deployer for less than its lock lives, and for more.
func TestConsulGoneAtEveryState(t *testing.T) {
	w := newFleetWorld(t)
	w.images(t, first, second)
	for name, away := range map[string]time.Duration{"briefly": 4 * time.Second, "until the lock is lost": 25 * time.Second} {
		t.Run(name, func(t *testing.T) {
			w.atEach(t, statesOf(moments), func(t *testing.T, m moment, name string) {
				s := w.newShop(t, name, m.file)
				s.survives(m, func(deployer *command) {
					s.wire.hang()
					time.Sleep(away)
					s.wire.restore(t)
					deployer.wait(t, ending)
				})
			})
		})
	}
}

// An engine hangs for the deployer until that has ended, and is back for the next.
func TestEngineGoneAtEveryState(t *testing.T) {
	w := newFleetWorld(t)
	w.images(t, first, second)
	w.atEach(t, statesOf(moments), func(t *testing.T, m moment, name string) {
		s := w.newWiredShop(t, name, m.file)
		s.survives(m, func(deployer *command) {
			s.engines[1].hang()
			deployer.wait(t, ending)
			s.engines[1].restore(t)
		})
	})
}

// A host loses its power, with its share of the live instances, and comes back
// before the next deployment. Requests that were under way there are lost; once
// Consul has noticed, no other is.
func TestHostGoneAtEveryState(t *testing.T) {
	w := newFleetWorld(t)
	w.images(t, first, second)
	for n, m := range statesOf(moments) { // one after the other: the host is everybody's
		t.Run(m.String(), func(t *testing.T) {
			s := w.newShop(t, fmt.Sprintf("%s-host-gone-%d", shop, n), m.file)
			s.survives(m, func(deployer *command) {
				w.stopHost(2)
				w.awaitLost(t, 2)
				s.load.forgive()
				deployer.wait(t, ending)
				w.startHost(2)
				w.awaitBack(t, 2)
				s.load.settled(20)
			})
		})
	}
}
