package consul

import "teal/catalog"

// recruit finds out which services are Teal's business, and follows them: each
// by a query of its own, or all by a survey when they are too many for that. It
// tells whether a snapshot is due.
func (w *watch) recruit() bool {
	w.view.mentioned = false
	if w.catalogue == nil {
		return false
	}
	w.tracked = map[string]bool{}
	for name, tags := range w.catalogue {
		if w.view.mentions[name] > 0 || len(w.view.instances[name]) > 0 || catalog.Concerns(tags) {
			w.tracked[name] = true
		}
	}
	gone := w.forget()
	switch {
	case bySurvey(w.survey != nil, len(w.tracked), w.store.watchBudget):
		w.followAll()
	default:
		w.followEach()
	}
	return gone || !w.started
}

// bySurvey tells how to follow so many services. Below the budget there is some
// room before it changes back, for changing costs a reading of all.
func bySurvey(now bool, services, budget int) bool {
	if now {
		return services > budget*3/4
	}
	return services > budget
}

// followEach gives every service a query of its own.
func (w *watch) followEach() {
	if w.survey != nil {
		w.endSurvey()
		w.switched("each service has its own query")
	}
	for name := range w.tracked {
		if _, member := w.members[name]; !member {
			w.enlist(name)
		}
	}
}

// followAll has the survey follow all services.
func (w *watch) followAll() {
	if w.survey == nil {
		w.beginSurvey()
		w.switched("common feeds tell which services to read")
	}
	for name := range w.members {
		w.dismiss(name)
	}
	for name := range w.tracked {
		if w.view.unread(name) {
			w.survey.readSoon(name)
		}
	}
}

func (w *watch) switched(to string) {
	w.store.stats.count(func(s *WatchStats) { s.Switches++ })
	w.store.log.Info("services are watched another way: "+to, "services", len(w.tracked), "budget", w.store.watchBudget)
}

// forget drops the services that are Teal's business no longer.
func (w *watch) forget() bool {
	gone := false
	for name := range w.view.instances {
		if !w.tracked[name] {
			gone = w.view.dropService(name) || gone
		}
	}
	for name := range w.members {
		if !w.tracked[name] {
			w.dismiss(name)
		}
	}
	if w.survey != nil {
		gone = w.excuse() || gone
	}
	return gone
}
