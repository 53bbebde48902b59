package router

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
)

// AccessLog writes a line of JSON for each request. It is safe for use by any
// number of goroutines; the lines are whole as long as the writer writes whole
// what it is given.
type AccessLog struct {
	log    *slog.Logger
	sample float64
}

// NewAccessLog writes to w. sample is the part of the requests that is written,
// from 0 to 1; those that went wrong on this side (5xx, broken off) always are.
func NewAccessLog(w io.Writer, sample float64) *AccessLog {
	return &AccessLog{log: slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: plainLine})), sample: sample}
}

// plainLine leaves out what is the same on every line.
func plainLine(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.LevelKey || a.Key == slog.MessageKey {
		return slog.Attr{}
	}
	return a
}

// begin implements observer.
func (l *AccessLog) begin(r *http.Request) (*http.Request, func(*visit)) {
	return r, func(v *visit) {
		if v.wrong() || rand.Float64() < l.sample {
			l.log.LogAttrs(context.Background(), slog.LevelInfo, "", line(r, v)...)
		}
	}
}

// wrong tells whether a request ended badly through no fault of the client.
func (v *visit) wrong() bool {
	return v.status() >= http.StatusInternalServerError || v.claim.Class == ClassBroken
}

// line is what is written of a request. Queries are left out: they may hold
// secrets.
func line(r *http.Request, v *visit) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("host", r.Host), slog.String("path", escapedPath(r)),
		slog.String("protocol", r.Proto), slog.String("client", peerText(v.claim.ask.Peer)),
		slog.Int("status", v.status()), slog.Int64("bytes", v.claim.Sent),
		slog.Float64("seconds", v.ended.Sub(v.began).Seconds()),
		slog.String("agent", r.UserAgent()),
	}
	if a := v.answer; a != nil {
		return append(attrs, slog.String("service", a.Service), slog.String("alias", a.Alias), slog.String("code", a.Code))
	}
	if v.claim.pool == nil {
		return attrs
	}
	route := v.claim.Match.Route
	return append(attrs,
		slog.String("service", route.Service), slog.String("alias", route.Alias), slog.String("target", v.claim.Target()),
		slog.String("instance", v.claim.instance), slog.String("release", v.claim.release),
		slog.String("class", v.claim.Class.String()), slog.Int("retries", len(v.claim.tried)), slog.String("request_id", v.claim.RequestID))
}
