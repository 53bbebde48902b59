package measure

import (
	"time"
)

// DefaultWindow is how far back is looked unless told otherwise.
const DefaultWindow = 30 * 24 * time.Hour

// Keys are the measures of a service in one environment over a time.
type Keys struct {
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	Since       time.Time `json:"since"` // the window, which ends at Until
	Until       time.Time `json:"until"`
	// Oldest is when the oldest record begins; zero where there is none. A window
	// that reaches further back sees less than happened, if records were removed.
	Oldest time.Time `json:"oldest_record,omitzero"`
	// Began is how many deployments began, however they ended.
	Began     int       `json:"began"`
	Frequency Frequency `json:"frequency"`
	LeadTime  Spread    `json:"lead_time"`
	Failing   Failing   `json:"change_fail"`
	Restore   Restore   `json:"restore"`
	Steps     []Step    `json:"steps"`
}

// Frequency is how often a deployment succeeded.
type Frequency struct {
	Count   int     `json:"count"`
	PerDay  float64 `json:"per_day"`
	PerWeek float64 `json:"per_week"`
}

// Failing is how many of the deployments that users met went wrong.
type Failing struct {
	Met    int       `json:"met"` // deployments that users met, and of which it is known what came of it
	Failed int       `json:"failed"`
	Rate   float64   `json:"rate"` // Failed by Met; 0 of none
	Which  []Failure `json:"which"`
}

// Failure is a deployment that went wrong.
type Failure struct {
	Deployment string    `json:"deployment"`
	Release    string    `json:"release"`
	Met        time.Time `json:"met"`               // when the first users could meet it
	Restored   time.Time `json:"restored,omitzero"` // when they were well again; zero where that is open or not known
	Open       bool      `json:"open,omitempty"`    // they are not well again, as far as records tell
}

// Restore is how long users had a failed deployment.
type Restore struct {
	Spread
	Open    int `json:"open"`    // of how many users are not well again
	Unknown int `json:"unknown"` // of how many it is not known since when they are
}

// Empty tells whether nothing happened that could be measured.
func (k Keys) Empty() bool { return k.Began == 0 && k.Frequency.Count == 0 && k.Failing.Met == 0 }

// Window is the time that was looked at.
func (k Keys) Window() time.Duration { return k.Until.Sub(k.Since) }

// Of measures a history over the window that ends now.
func Of(h History, window time.Duration, now time.Time) Keys {
	k := Keys{Service: h.Service, Environment: h.Environment, Since: now.Add(-window).UTC(), Until: now.UTC(), Steps: []Step{}}
	k.Failing.Which = []Failure{}
	changes := h.changes()
	h.judge(changes)
	var good []*change
	for _, c := range changes {
		if k.Oldest.IsZero() || c.began.Before(k.Oldest) {
			k.Oldest = c.began.UTC()
		}
		if k.covers(c.began) {
			k.Began++
		}
		if c.succeeded() && !c.remedy() && k.covers(c.live) {
			good = append(good, c)
		}
	}
	days := window.Hours() / 24
	k.Frequency = Frequency{Count: len(good), PerDay: float64(len(good)) / days, PerWeek: 7 * float64(len(good)) / days}
	k.LeadTime = spreadOf(k.leadTimes(changes))
	k.Steps = stepsOf(good)
	k.fail(changes)
	return k
}

func (k *Keys) covers(t time.Time) bool { return t.After(k.Since) && !t.After(k.Until) }

// leadTimes are those of the commits that went live for the first time.
func (k *Keys) leadTimes(changes []*change) []time.Duration {
	var took []time.Duration
	seen := map[string]bool{}
	for _, c := range changes {
		if !c.succeeded() || c.remedy() {
			continue
		}
		again := c.record.Revision != "" && seen[c.record.Revision]
		seen[c.record.Revision] = true
		if t, ok := c.leadTime(); ok && !again && k.covers(c.live) {
			took = append(took, t)
		}
	}
	return took
}

// fail counts what users met, what of it went wrong, and until when.
func (k *Keys) fail(changes []*change) {
	var took []time.Duration
	for _, c := range changes {
		if !c.judged() || !k.covers(c.met) {
			continue
		}
		k.Failing.Met++
		if !c.failed {
			continue
		}
		f := Failure{
			Deployment: c.record.ID, Release: c.record.Release, Met: c.met.UTC(), Restored: c.restored,
			Open: c.restored.IsZero() && !c.lost,
		}
		switch {
		case c.lost:
			k.Restore.Unknown++
		case f.Open:
			k.Restore.Open++
		default:
			f.Restored = f.Restored.UTC()
			took = append(took, max(0, c.restored.Sub(c.met)))
		}
		k.Failing.Which = append(k.Failing.Which, f)
	}
	k.Failing.Failed = len(k.Failing.Which)
	if k.Failing.Met > 0 {
		k.Failing.Rate = float64(k.Failing.Failed) / float64(k.Failing.Met)
	}
	k.Restore.Spread = spreadOf(took)
}
