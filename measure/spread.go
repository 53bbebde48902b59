package measure

import (
	"slices"
	"time"
)

// Spread is how long something took, several times.
type Spread struct {
	Count int `json:"count"` // 0: the times say nothing
	// Median is the one in the middle, of an even number the mean of the two.
	Median time.Duration `json:"median_ns"`
	// P90 is the shortest that nine in ten did not exceed.
	P90 time.Duration `json:"p90_ns"`
}

func spreadOf(took []time.Duration) Spread {
	n := len(took)
	if n == 0 {
		return Spread{}
	}
	took = slices.Sorted(slices.Values(took))
	return Spread{
		Count:  n,
		Median: (took[(n-1)/2] + took[n/2]) / 2,
		P90:    took[(9*n+9)/10-1],
	}
}
