package router

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracing makes a span of each request, as a child of the client's if it has one,
// and tells the service of it (W3C Trace Context). Names are those of
// OpenTelemetry's semantic conventions for HTTP.
type tracing struct {
	tracer     trace.Tracer
	propagator propagation.TraceContext
}

func newTracing(p trace.TracerProvider, version string) *tracing {
	return &tracing{tracer: p.Tracer("teal/router", trace.WithInstrumentationVersion(version))}
}

// begin implements observer. The request's header is changed, as the service is
// to see this span and not the client's.
func (t *tracing) begin(r *http.Request) (*http.Request, func(*visit)) {
	header := propagation.HeaderCarrier(r.Header)
	ctx := t.propagator.Extract(r.Context(), header)
	ctx, span := t.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", r.Method),
		attribute.String("url.path", escapedPath(r)),
		attribute.String("server.address", bareHost(r.Host)),
	))
	t.propagator.Inject(ctx, header)
	return r.WithContext(ctx), func(v *visit) {
		defer span.End()
		t.describe(span, r.Method, v)
	}
}

func (t *tracing) describe(span trace.Span, method string, v *visit) {
	if status := v.status(); status > 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	if v.wrong() {
		span.SetStatus(codes.Error, "")
	}
	if v.answer != nil {
		span.SetAttributes(attribute.String("teal.code", v.answer.Code), attribute.String("teal.service", v.answer.Service))
		return
	}
	if v.claim.pool == nil {
		return
	}
	service := v.claim.Match.Route.Service
	span.SetName(method + " " + service)
	span.SetAttributes(
		attribute.String("teal.service", service), attribute.String("teal.alias", v.claim.Match.Route.Alias),
		attribute.String("teal.target", v.claim.Target()), attribute.String("teal.instance", v.claim.instance),
		attribute.String("teal.release", v.claim.release), attribute.Int("teal.retries", len(v.claim.tried)),
	)
}
