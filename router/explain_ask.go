package router

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Question is what can be asked of GET /v1/explain: where a request would go and
// why, or how a service, an alias or a target of it, or one of its instances is.
type Question struct {
	URL      string   // of a request; the scheme may be left out, tcp and tls are for what is no HTTP
	Headers  []string // of that request, each as "Name: value"
	From     string   // whose request it is, an address; empty for whoever asks
	Service  string   // without a URL
	Name     string   // an alias or target of Service; empty for all
	Instance string   // an id, or node/id; empty for all
}

// Values is the question as the parameters of the admin API.
func (q Question) Values() url.Values {
	v := url.Values{}
	for name, text := range map[string]string{
		"url": q.URL, "from": q.From, "service": q.Service, "name": q.Name, "instance": q.Instance,
	} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if len(q.Headers) > 0 {
		v["header"] = q.Headers
	}
	return v
}

// Check says what is wrong with a question before anybody is asked.
func (q Question) Check() error {
	if q.URL == "" {
		if q.Service == "" {
			return fmt.Errorf("nothing is asked; name a URL such as http://web.proxy.example/ or a service")
		}
		return nil
	}
	_, err := q.ask(netip.Addr{})
	return err
}

// questionOf reads the parameters of the admin API.
func questionOf(v url.Values) Question {
	return Question{
		URL: v.Get("url"), Headers: v["header"], From: v.Get("from"),
		Service: v.Get("service"), Name: v.Get("name"), Instance: v.Get("instance"),
	}
}

// ask is the request that is asked about, from asker unless the question says
// from whom.
func (q Question) ask(asker netip.Addr) (Ask, error) {
	ask, err := askOf(q.URL)
	if err != nil {
		return Ask{}, err
	}
	ask.Peer = asker
	if q.From != "" {
		if ask.Peer, err = netip.ParseAddr(q.From); err != nil {
			return Ask{}, fmt.Errorf("%q is not an address to ask from; write one such as 10.0.0.1", q.From)
		}
		ask.Peer = ask.Peer.Unmap()
	}
	header := http.Header{}
	for _, line := range q.Headers {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t") {
			return Ask{}, fmt.Errorf("%q is no header; write it like \"X-Beta: 1\"", line)
		}
		if strings.EqualFold(name, "Host") {
			ask.Host = strings.TrimSpace(value)
			continue
		}
		header.Add(name, strings.TrimSpace(value))
	}
	ask.Header = header
	return ask, nil
}

// askOf reads host and path of a URL as a request would bring them.
func askOf(text string) (Ask, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return Ask{}, fmt.Errorf("%q is no URL; write one such as http://web.proxy.example/", text)
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss":
		path := u.EscapedPath()
		if path == "" {
			path = "/"
		}
		return Ask{Host: u.Host, Path: path}, nil
	case "tcp":
		port, ok := parsePort(u.Port())
		if !ok {
			return Ask{}, fmt.Errorf("%q names no port; write it like tcp://router:5432", text)
		}
		return Ask{tcp: portKey(port)}, nil
	case "tls":
		if u.Hostname() == "" {
			return Ask{}, fmt.Errorf("%q names no server; write it like tls://db.example.com", text)
		}
		return Ask{tcp: strings.ToLower(bareHost(u.Host))}, nil
	}
	return Ask{}, fmt.Errorf("scheme %q is none of http, https, tcp and tls; write a URL such as http://web.proxy.example/", u.Scheme)
}
