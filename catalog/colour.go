package catalog

import (
	"fmt"
	"strings"
)

// Colour tells the two deployments of an environment apart. The zero value
// means "uncoloured".
type Colour string

// The two colours; together they make teal.
const (
	Blue  Colour = "blue"
	Green Colour = "green"
)

// ParseColour reads "blue" or "green", in any case.
func ParseColour(s string) (Colour, error) {
	switch c := Colour(strings.ToLower(strings.TrimSpace(s))); c {
	case Blue, Green:
		return c, nil
	}
	return "", fmt.Errorf("unknown colour %q; it is blue or green", s)
}

// Other is the colour that c is not. The first deployment of all, where c is
// empty, begins with blue.
func (c Colour) Other() Colour {
	if c == Blue {
		return Green
	}
	return Blue
}
