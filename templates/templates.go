// Package templates holds what Teal shows or writes for others to read: the
// catalogue page.
package templates

import (
	_ "embed" // for the page
	"fmt"
	"html/template"
	"net/url"
	"time"
)

//go:embed catalogue.html
var catalogue string

// Catalogue is the catalogue page. It needs nothing from elsewhere, and escapes
// all it is given.
func Catalogue() *template.Template {
	return template.Must(template.New("catalogue").Funcs(template.FuncMap{
		"web":     web,
		"stamp":   stamp,
		"percent": percent,
	}).Parse(catalogue))
}

// web is a link as it is when it leads to a web page, and empty for any other
// scheme.
func web(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return link
}

// percent is a part of one.
func percent(part float64) string { return fmt.Sprintf("%.0f %%", 100*part) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
