package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/spf13/cobra"

	"teal/consul"
	"teal/measure"
	"teal/measure/gauges"
)

// metricsFlags are the flags of `teal metrics`.
type metricsFlags struct {
	since              string
	asJSON, prometheus bool
}

func metricsCommand(g *globals) *cobra.Command {
	f := &metricsFlags{}
	cmd := &cobra.Command{
		Use:   "metrics SERVICE [ENVIRONMENT]",
		Short: "Show how often and how well a service is deployed",
		Long: `Metrics tells, from the records of deployments to an environment, or to each:
how often one succeeds, how long a commit takes to its users, how many of the
deployments that users met went wrong, how long it then took until users were
well again, and how long each step takes. docs/MEASURES.md defines each.

With --prometheus it writes the format of Prometheus, for a file that a node
exporter's textfile collector reads. Routers offer the same for all services at
/metrics.`,
		Example: "  teal metrics web production\n  teal metrics web --since 90d --json\n  teal metrics web --prometheus >web.prom.new && mv web.prom.new web.prom",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			window, err := f.window()
			if err != nil {
				return err
			}
			log, err := g.logger(hclog.Warn)
			if err != nil {
				return err
			}
			store, err := g.store(log)
			if err != nil {
				return err
			}
			keys, err := measured(cmd.Context(), store, args[0], strings.Join(args[1:], ""), window)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), keys)
		},
	}
	cmd.Flags().StringVar(&f.since, "since", "30d", "how far to look back: days (30d), weeks (4w) or hours (12h)")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "write it as JSON")
	cmd.Flags().BoolVar(&f.prometheus, "prometheus", false, "write it in the text format of Prometheus")
	return cmd
}

// window is how far to look back.
func (f *metricsFlags) window() (time.Duration, error) {
	if f.asJSON && f.prometheus {
		return 0, usageError{fmt.Errorf("--json and --prometheus are two formats; ask for one")}
	}
	window, ok := parseSpan(f.since)
	if !ok || window <= 0 {
		return 0, usageError{fmt.Errorf("--since %q is no time to look back; write it as 30d, 4w or 12h", f.since)}
	}
	return window, nil
}

// parseSpan reads "30d" and "4w" beside what Go reads as a duration.
func parseSpan(text string) (time.Duration, bool) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseUint(number, 10, 13) // some twenty years
			return time.Duration(n) * unit, err == nil
		}
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// measured is what the records tell of a service, by environment. A service that
// nobody knows is an error.
func measured(ctx context.Context, store *consul.Store, service, environment string, window time.Duration) ([]measure.Keys, error) {
	s, err := store.Service(ctx, service) // before the records: the fewer flips are newer than they, the better
	if err != nil {
		return nil, err
	}
	records, err := store.DeploymentsOf(ctx, service)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 && s.Unknown() {
		return nil, fmt.Errorf("no service %s is known; see the catalogue page for those that are", service)
	}
	keys, now := []measure.Keys{}, time.Now()
	for _, h := range measure.Histories(service, records, s) {
		if environment == "" || environment == h.Environment {
			keys = append(keys, measure.Of(h, window, now))
		}
	}
	return keys, nil
}

func (f *metricsFlags) print(out io.Writer, keys []measure.Keys) error {
	switch {
	case f.asJSON:
		return writeJSON(out, keys)
	case f.prometheus:
		return writePrometheus(out, keys)
	}
	return printMetrics(out, keys)
}

func writePrometheus(out io.Writer, keys []measure.Keys) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(gauges.New(func() []measure.Keys { return keys }))
	families, err := registry.Gather()
	if err != nil {
		return fmt.Errorf("gather the measures: %w", err)
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(out, family); err != nil {
			return fmt.Errorf("write the measures: %w", err)
		}
	}
	return nil
}

// printMetrics shows a table for each environment.
func printMetrics(out io.Writer, keys []measure.Keys) error {
	if len(keys) == 0 {
		fmt.Fprintln(out, "no deployments are recorded")
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for n, k := range keys {
		if n > 0 {
			fmt.Fprintln(w)
		}
		printKeys(w, k)
	}
	return w.Flush()
}

func printKeys(w io.Writer, k measure.Keys) {
	fmt.Fprintf(w, "%s in %s, the last %s\n", k.Service, k.Environment, measure.Words(k.Window()))
	if k.Oldest.After(k.Since) {
		fmt.Fprintf(w, "records begin %s\n", k.Oldest.Local().Format(time.DateTime))
	}
	fmt.Fprintln(w, "\nMEASURE\tVALUE\tFROM")
	fmt.Fprintf(w, "deployments\t%d\t%.3g a day, %.3g a week\n", k.Frequency.Count, k.Frequency.PerDay, k.Frequency.PerWeek)
	fmt.Fprintf(w, "lead time\t%s\t%s\n", median(k.LeadTime), spreadWords(k.LeadTime))
	fmt.Fprintf(w, "change-fail rate\t%s\t%s\n", rateWords(k.Failing), failingWords(k.Failing))
	fmt.Fprintf(w, "time to restore\t%s\t%s\n", median(k.Restore.Spread), restoreWords(k.Restore))
	if len(k.Steps) > 0 {
		fmt.Fprintln(w, "\nSTEP\tMEDIAN\tFROM")
	}
	for _, s := range k.Steps {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.State, median(s.Spread), spreadWords(s.Spread))
	}
	if len(k.Failing.Which) > 0 {
		fmt.Fprintln(w, "\nWENT WRONG\tRELEASE\tRESTORED")
	}
	for _, f := range k.Failing.Which {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Deployment, f.Release, restoredWords(f))
	}
}

func median(s measure.Spread) string {
	if s.Count == 0 {
		return "-"
	}
	return measure.Words(s.Median)
}

func spreadWords(s measure.Spread) string {
	if s.Count == 0 {
		return "none known"
	}
	return fmt.Sprintf("median of %d, nine in ten within %s", s.Count, measure.Words(s.P90))
}

func rateWords(f measure.Failing) string {
	if f.Met == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g %%", 100*f.Rate)
}

func failingWords(f measure.Failing) string {
	return fmt.Sprintf("%d of %d that users met", f.Failed, f.Met)
}

func restoreWords(r measure.Restore) string {
	words := spreadWords(r.Spread)
	if r.Unknown > 0 {
		words += fmt.Sprintf("; %d at a time nobody knows", r.Unknown)
	}
	if r.Open > 0 {
		words += fmt.Sprintf("; %d not yet", r.Open)
	}
	return words
}

func restoredWords(f measure.Failure) string {
	switch {
	case f.Open:
		return "not yet"
	case f.Restored.IsZero():
		return "at a time nobody knows"
	}
	return "after " + measure.Words(f.Restored.Sub(f.Met))
}
