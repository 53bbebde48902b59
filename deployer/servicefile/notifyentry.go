package servicefile

import (
	"cmp"
	"net/url"
)

// notifications reads who is told how deployments end.
func (f field) notifications() []Notify {
	var all []Notify
	for _, one := range f.mappings("kind", "url", "variable", "when") {
		x := one.fields
		n := Notify{
			Kind:     choice(x["kind"], NotifySlack, NotifyWebhook, NotifyCDEvents),
			URL:      x["url"].notifyURL(),
			Variable: x["variable"].variableName("the address", "SLACK_WEBHOOK"),
			When:     cmp.Or(choice(x["when"], NotifyChange, NotifyFailure, NotifyAlways), NotifyChange),
		}
		hasURL, hasVariable := x["url"].value != nil, x["variable"].value != nil
		switch {
		case hasURL && hasVariable:
			x["variable"].complain("%s has both url and variable; keep one", one.name())
		case !hasURL && !hasVariable:
			one.complain("%s has no address; add variable: with the name of the environment variable that holds it, or url: where everybody may know it", one.name())
		case n.Kind == NotifySlack && n.URL != "":
			f.reader.warn(x["url"].path, "whoever reads this file can write to the channel of %s; keep its address in a variable, and name that with variable:", one.name())
		}
		if x["kind"].value == nil {
			one.complain("%s has no kind; add kind: slack, webhook or cdevents", one.name())
		}
		all = append(all, n)
	}
	return all
}

// notifyURL reads where a message goes. As it may hold secrets it is not told.
func (f field) notifyURL() string {
	text := f.text()
	u, err := url.Parse(text)
	if f.value != nil && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		f.complain("%s is no address of the web; write one such as https://chat.example/hook", f.name())
		return ""
	}
	return text
}
