package servicefile

import (
	"cmp"
	"time"

	"teal/catalog"
)

// ApprovalRule is that somebody must say yes before the flip.
type ApprovalRule struct {
	Within time.Duration   // how long that may take
	Then   catalog.Verdict // what happens when nobody has spoken
}

// approval reads whose word is waited for: true is for the defaults, false for
// nobody's.
func (f field) approval() *ApprovalRule {
	rule := ApprovalRule{Within: DefaultApproval, Then: catalog.Abort}
	switch f.value.(type) {
	case nil:
		return nil
	case map[string]any:
		x := f.mapping("within", "then")
		rule.Within = x["within"].duration(time.Second, DefaultApproval)
		rule.Then = cmp.Or(choice(x["then"], catalog.Abort, catalog.Approve), catalog.Abort)
	default:
		if !f.flag(false) {
			return nil
		}
	}
	return &rule
}
