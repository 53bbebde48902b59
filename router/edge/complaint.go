package edge

import "github.com/hashicorp/go-hclog"

// complaint logs a failure that lasts, once, and its end. A failure seen for the
// first time may be a file that is being written, so only the second is told.
type complaint struct {
	times int
	told  string
}

// note takes in how it went with what: err, or nil.
func (c *complaint) note(log hclog.Logger, what string, err error) {
	if err == nil {
		if c.told != "" {
			log.Info("what could not be read before is in use now", "what", what)
		}
		*c = complaint{}
		return
	}
	c.times++
	if text := err.Error(); c.times > 1 && text != c.told {
		log.Warn("can't be read; what was read of it before, if anything, stays in use", "what", what, "error", err)
		c.told = text
	}
}
