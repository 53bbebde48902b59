package integration

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

const deployerDoc = "../docs/DEPLOYER.md"

// Every row of the deployer's comparison makes a promise and names what keeps it,
// and that is there.
func TestTheDeployersComparisonNamesTestsThatExist(t *testing.T) {
	comparison{file: deployerDoc, proof: "Teal", refuses: true, rows: 80}.holds(t)
}

var unproved = regexp.MustCompile("`TBD:[^`]*`")

// No promise waits for its test.
func TestTheDeployersComparisonLeavesNoProofOpen(t *testing.T) {
	text, err := os.ReadFile(deployerDoc)
	require.NoError(t, err)
	require.Empty(t, unproved.FindAllString(string(text), -1), "name the tests that show this in %s", deployerDoc)
}
