// The numbers written in Go are made from the library's sources; here is what is written by hand about them.

package reflink

import "testing"

func TestEachCodeIsAnErrorWithAText(t *testing.T) {
	for code, err := range own {
		if causeOf(code) != err || message(code) == "" {
			t.Errorf("%d is %v", code, causeOf(code))
		}
	}
}

func TestANumberOfANewerLibraryHasAName(t *testing.T) {
	if Step(99).String() != "unknown (99)" || StepSync.String() != "sync" || ReasonNotAsked.String() != "not asked" {
		t.Errorf("%v, %v, %v", Step(99), StepSync, ReasonNotAsked)
	}
}
