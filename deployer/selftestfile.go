package deployer

import "time"

// selfTest reads how a built image is tried by itself; nil where it is not.
func (f field) selfTest(spec *Spec) *SelfTest {
	if f.value == nil {
		return nil
	}
	x := f.mapping("part", "command", "timeout")
	test := SelfTest{
		Part:    x["part"].partOr(spec.Routed, spec.Parts),
		Timeout: x["timeout"].duration(time.Millisecond, DefaultTestTimeout),
	}
	if _, ok := f.value.(map[string]any); ok {
		test.Command = f.command(x["command"], "[/app, self-test]")
	}
	return &test
}
