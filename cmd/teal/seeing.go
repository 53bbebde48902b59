package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"teal/router"
)

// tracesTimeout is how long the last spans may take to be sent.
const tracesTimeout = 5 * time.Second

// seeingFlags are the flags about what can be seen of requests.
type seeingFlags struct {
	log    string
	sample float64
	traces bool
}

func (f *seeingFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.log, "access-log", "", "file that gets a line of JSON for each request; - for standard output (default none)")
	fs.Float64Var(&f.sample, "access-log-sample", 1, "part of the requests that is written, 0 to 1; those that went wrong always are")
	fs.BoolVar(&f.traces, "traces", false, "send OpenTelemetry spans by OTLP over HTTP, as the OTEL_* variables say")
}

// open fills in what the flags ask for. What it answers ends it again.
func (f *seeingFlags) open(ctx context.Context, opt *router.Options, stdout io.Writer) (end func() error, err error) {
	if f.sample < 0 || f.sample > 1 {
		return nil, usageError{fmt.Errorf("--access-log-sample %v is not from 0 to 1", f.sample)}
	}
	closeLog, err := f.openLog(opt, stdout)
	if err != nil {
		return nil, err
	}
	endTraces, err := f.openTraces(ctx, opt)
	if err != nil {
		return nil, errors.Join(err, closeLog())
	}
	return func() error { return errors.Join(endTraces(), closeLog()) }, nil
}

func (f *seeingFlags) openLog(opt *router.Options, stdout io.Writer) (end func() error, err error) {
	none := func() error { return nil }
	switch f.log {
	case "":
		return none, nil
	case "-":
		opt.AccessLog = router.NewAccessLog(stdout, f.sample)
		return none, nil
	}
	file, err := os.OpenFile(f.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the access log: %w; name another file with --access-log, or - for standard output", err)
	}
	opt.AccessLog = router.NewAccessLog(file, f.sample)
	return file.Close, nil
}

func (f *seeingFlags) openTraces(ctx context.Context, opt *router.Options) (end func() error, err error) {
	if !f.traces {
		return func() error { return nil }, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up the export of spans: %w; look at the OTEL_EXPORTER_OTLP_* variables", err)
	}
	about := resource.NewSchemaless(
		attribute.String("service.name", "teal-router"), attribute.String("service.version", opt.Version),
		attribute.String("service.instance.id", opt.ID),
	)
	if fromEnv, err := resource.New(ctx, resource.WithFromEnv()); err == nil {
		if merged, err := resource.Merge(about, fromEnv); err == nil {
			about = merged
		}
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	opt.Tracer = provider
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tracesTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			return fmt.Errorf("send the last spans: %w", err)
		}
		return nil
	}, nil
}
