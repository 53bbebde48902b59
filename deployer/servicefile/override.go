package servicefile

import "slices"

// Override is what an environment says otherwise than the file does in general.
// What is nil it does not say.
type Override struct {
	Smoke   []Smoke       `json:",omitzero"`  // an empty list for none
	Outside []OutsideGate `json:",omitzero"`  // an empty list for none
	Test    *TestCommand  `json:",omitempty"` // a zero one for none
	Canary  *Canary       `json:",omitempty"` // one without steps for none
	Bake    *Bake         `json:",omitempty"` // a zero one for none
	Notify  []Notify      `json:",omitzero"`  // an empty list for none
}

// In is the file as it counts for env: with what env says otherwise. It is pure;
// the receiver is not changed.
func (s *Spec) In(env Environment) *Spec {
	own := *s
	own.apply(env.Override)
	own.Parts = slices.Clone(s.Parts)
	for n, part := range own.Parts {
		own.Parts[n].Image = InRegistry(part.Image, part, env.Registry)
	}
	if !env.Coloured {
		own.Canary = nil // there is no second colour to give a part of the requests
	}
	return &own
}

// apply puts what an override says in the place of what was said.
func (s *Spec) apply(o Override) {
	if o.Smoke != nil {
		s.Gates.Smoke = o.Smoke
	}
	if o.Outside != nil {
		s.Gates.Outside = o.Outside
	}
	if o.Test != nil {
		s.Gates.Test = unless(o.Test, o.Test.None())
	}
	if o.Canary != nil {
		s.Canary = unless(o.Canary, len(o.Canary.Steps) == 0)
	}
	if o.Bake != nil {
		s.Bake = unless(o.Bake, o.Bake.For == 0)
	}
	if o.Notify != nil {
		s.Notify = o.Notify
	}
}

// unless is v, or nil where it stands for none.
func unless[T any](v *T, none bool) *T {
	if none {
		return nil
	}
	return v
}

// overridable are the keys that an environment may say again for itself.
var overridable = []string{"smoke", "gates", "test", "canary", "bake", "notify"}

// override reads what x-teal says in general, or an environment for itself.
func (x fields) override() Override {
	return Override{
		Smoke:   listOrNone(x["smoke"], field.smoke),
		Outside: listOrNone(x["gates"], field.outsideGates),
		Test:    x["test"].testCommand(),
		Canary:  x["canary"].canary(),
		Bake:    x["bake"].bake(),
		Notify:  listOrNone(x["notify"], field.notifications),
	}
}

// isNone tells whether the field switches off what is said in general.
func (f field) isNone() bool { return f.value == "none" || f.value == false }

// listOrNone reads a list: nil where nothing is said, an empty one for none.
func listOrNone[T any](f field, read func(field) []T) []T {
	switch {
	case f.value == nil:
		return nil
	case f.isNone():
		return []T{}
	}
	return append([]T{}, read(f)...)
}
