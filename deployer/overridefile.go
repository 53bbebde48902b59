package deployer

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
