package router

import (
	"bytes"
	"crypto/rand"
	"html/template"
	"net/http"
	"time"

	"teal/catalog"
	"teal/templates"
)

// pageHandler serves the catalogue page.
type pageHandler struct {
	router   *Router
	template *template.Template
}

func newPage(r *Router) *pageHandler {
	return &pageHandler{router: r, template: templates.Catalogue()}
}

// pageData is what the template gets.
type pageData struct {
	Nonce    string // lets the page's own script and style through
	Router   string
	Version  string
	Applied  uint64
	Now      time.Time
	Stale    time.Duration
	Restored time.Time // when the view was saved, while it comes from a disk
	Ready    bool
	Services []serviceView
	Problems []catalog.Problem // those of no service that is shown
}

// ServeHTTP implements http.Handler.
func (p *pageHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data := p.data(r)
	var body bytes.Buffer
	if err := p.template.Execute(&body, data); err != nil {
		p.router.log.Error("the catalogue page can't be written", "error", err)
		http.Error(w, "The catalogue page can't be written. GET /v1/services says the same as JSON.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "+
		"connect-src 'self'; style-src 'nonce-"+data.Nonce+"'; script-src 'nonce-"+data.Nonce+"'")
	_, _ = body.WriteTo(w) // the client may have gone
}

func (p *pageHandler) data(r *http.Request) pageData {
	data := pageData{
		Nonce: rand.Text(), Router: p.router.opt.ID, Version: p.router.opt.Version, Now: p.router.opt.Now(),
	}
	t := p.router.dispatch.table.Load()
	if t == nil {
		return data
	}
	data.Ready = true
	data.Applied = t.snapshot.AliasIndex
	data.Restored = t.snapshot.Restored
	data.Stale = p.router.staleFor(t.snapshot).Round(time.Second)
	data.Services = p.router.viewer(t, r).services()
	for _, problem := range p.router.problems(t) {
		if t.snapshot.Services.At(problem.Service) == nil {
			data.Problems = append(data.Problems, problem)
		}
	}
	return data
}
