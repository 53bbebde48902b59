package measure

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Summary is the measures in a line: "12 deployments in 30 days, lead time 41 min,
// 4 % failed, restored in 3 min". What is not known is left out.
func (k Keys) Summary() string {
	parts := []string{fmt.Sprintf("%s in %s", counted(k.Frequency.Count, "deployment"), Words(k.Window()))}
	if k.LeadTime.Count > 0 {
		parts = append(parts, "lead time "+Words(k.LeadTime.Median))
	}
	if k.Failing.Met > 0 {
		parts = append(parts, k.Failing.words())
	}
	if k.Restore.Count > 0 {
		parts = append(parts, "restored in "+Words(k.Restore.Median))
	}
	return strings.Join(parts, ", ")
}

func (f Failing) words() string {
	switch {
	case f.Failed == 0:
		return "none failed"
	case f.Rate < 0.005:
		return "under 1 % failed"
	}
	return fmt.Sprintf("%.0f %% failed", 100*f.Rate)
}

// Words is a duration to read: in days, hours, minutes or seconds, whichever
// leaves a number of two digits or so.
func Words(d time.Duration) string {
	switch {
	case d >= 2*day:
		return counted(rounded(d, day), "day")
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", rounded(d, time.Hour))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", rounded(d, time.Minute))
	case d >= time.Second:
		return fmt.Sprintf("%d s", rounded(d, time.Second))
	}
	return fmt.Sprintf("%d ms", rounded(d, time.Millisecond))
}

func rounded(d, unit time.Duration) int { return int(math.Round(float64(d) / float64(unit))) }

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
