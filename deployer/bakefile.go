package deployer

import "time"

// bake reads the watch after the flip: nil where nothing is said, one of no length
// for none.
func (f field) bake() *Bake {
	switch {
	case f.value == nil:
		return nil
	case f.isNone():
		return &Bake{}
	}
	x := f.mapping("for", "max_error_rate", "max_p95", "min_requests")
	return &Bake{For: x["for"].duration(time.Millisecond, DefaultBake), Limits: x.limits()}
}
