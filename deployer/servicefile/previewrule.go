package servicefile

import (
	"maps"
	"slices"
	"strconv"

	"teal/catalog"
)

// previews reads rules that send some users elsewhere than their alias points.
// Where they may lead is looked at when all environments are known.
func (f field) previews() []catalog.PreviewRule {
	var rules []catalog.PreviewRule
	for _, one := range f.mappings("header", "cookie", "value", "networks", "target") {
		x := one.fields
		rule := catalog.PreviewRule{
			Header: x["header"].token("header"), Cookie: x["cookie"].token("cookie"),
			Value: x["value"].text(), Networks: x["networks"].networks(), Target: x["target"].previewTarget(),
		}
		named := x["header"].text() != "" || x["cookie"].text() != ""
		switch {
		case !named && len(x["networks"].texts()) == 0:
			one.complain("%s has no condition and would take everybody; give it a header, a cookie or networks", one.name())
		case !named && rule.Value != "":
			x["value"].complain("%s is the value of nothing; name a header or a cookie", x["value"].name())
		case rule.Value != "" && rule.Header != "" && rule.Cookie != "":
			x["value"].complain("%s could be the header's or the cookie's; make two rules of it, or leave it out", x["value"].name())
		}
		rules = append(rules, rule)
	}
	return rules
}

// previewTarget reads a target without a colour. Which colour a rule means
// depends on when it is asked, so none is written down.
func (f field) previewTarget() catalog.Target {
	text := f.text()
	if text == "" {
		return catalog.Target{}
	}
	t, err := catalog.ParseTarget(text)
	switch {
	case err != nil:
		f.complain("%s can't be a target: %v", f.name(), err)
	case t.Colour != "":
		f.complain("%s is %s, which is the live one after every other flip; leave the target out for the colour that is about to be flipped to", f.name(), t)
	default:
		return t
	}
	return catalog.Target{}
}

// checkPreviews looks at where the rules lead.
func (r *reader) checkPreviews(spec *Spec) {
	for _, name := range slices.Sorted(maps.Keys(spec.Environments)) {
		env := spec.Environments[name]
		path, rules := []string{Extension, "environments", name, "preview"}, env.Preview
		if rules == nil && spec.IsGeneral(env, catalog.DefaultAlias) {
			path, rules = []string{Extension, "preview"}, spec.Preview
		}
		for n, rule := range rules {
			at := r.field(append(slices.Clone(path), strconv.Itoa(n))...)
			elsewhere := spec.Environments[rule.Target.Environment]
			switch {
			case rule.Target.IsZero() && !env.Coloured:
				at.complain("a preview rule of %s names no target, and %s has no second colour; add the target, such as another environment", name, name)
			case elsewhere.Coloured:
				at.complain("a preview rule of %s leads to %s, which has two colours; name an environment without", name, rule.Target)
			}
		}
	}
}
