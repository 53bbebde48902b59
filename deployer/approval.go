package deployer

import (
	"time"

	"teal/catalog"
)

// ApprovalRule is that somebody must say yes before the flip.
type ApprovalRule struct {
	Within time.Duration   // how long that may take
	Then   catalog.Verdict // what happens when nobody has spoken
}
