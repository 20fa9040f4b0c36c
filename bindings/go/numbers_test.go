// The numbers written in Go against those of the header. (A test file cannot use cgo: the header is read as text.)

package reflink

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

func TestTheNumbersAreTheHeaders(t *testing.T) {
	text, err := os.ReadFile("../../include/reflink.h")
	if os.IsNotExist(err) {
		t.Skip("not in the repository")
	}
	check(t, err)
	header := map[string]int64{}
	for _, found := range regexp.MustCompile(`(?m)^#define REFLINK_(\w+) \(?(-?\d+)\)?$`).FindAllSubmatch(text, -1) {
		number, err := strconv.ParseInt(string(found[2]), 10, 64)
		check(t, err)
		header[string(found[1])] = number
	}
	mine := map[string]int64{
		"AUTO": int64(Auto), "ALWAYS": int64(Always), "NEVER": int64(Never), "REPLACE": replace, "DURABLE": durable,
		"NOFOLLOW": noFollow, "BEST_EFFORT_METADATA": bestEffortMetadata,
		"PRESERVE_TIMES": int64(Times), "PRESERVE_OWNER": int64(Owner), "PRESERVE_XATTRS": int64(Xattrs),
		"PRESERVE_ACL": int64(ACL),
		"METHOD_NONE":  int64(MethodNone), "METHOD_CLONE": int64(MethodClone), "METHOD_MIXED": int64(MethodMixed),
		"METHOD_KERNEL_COPY": int64(MethodKernelCopy), "METHOD_COPY": int64(MethodCopy),
		"REASON_NONE": int64(ReasonNone), "REASON_UNSUPPORTED": int64(ReasonUnsupported),
		"REASON_CROSS_DEVICE": int64(ReasonCrossDevice), "REASON_FILE": int64(ReasonFile),
		"REASON_PERMISSION": int64(ReasonPermission), "REASON_TRANSIENT": int64(ReasonTransient),
		"REASON_NOT_ASKED": int64(ReasonNotAsked), "REASON_FAILURE": int64(ReasonFailure),
		"STEP_NONE": int64(StepNone), "STEP_ARGUMENTS": int64(StepArguments), "STEP_OPEN_SOURCE": int64(StepOpenSource),
		"STEP_CHECK": int64(StepCheck), "STEP_CREATE": int64(StepCreate), "STEP_CLONE": int64(StepClone),
		"STEP_COPY": int64(StepCopy), "STEP_METADATA": int64(StepMetadata), "STEP_SYNC": int64(StepSync),
		"STEP_PUBLISH": int64(StepPublish), "STEP_CLOSE": int64(StepClose), "STEP_PROGRESS": int64(StepProgress),
	}
	for name, number := range mine {
		there, found := header[name]
		if !found || there != number {
			t.Errorf("REFLINK_%s is %d in the header (%v), %d here", name, there, found, number)
		}
	}
	for _, kind := range []string{"METHOD", "REASON", "STEP", "PRESERVE"} {
		for name := range header {
			if _, known := mine[name]; !known && len(name) > len(kind) && name[:len(kind)+1] == kind+"_" {
				t.Errorf("REFLINK_%s is not known here", name)
			}
		}
	}
	for code, err := range own {
		if causeOf(code) != err || message(code) == "" {
			t.Errorf("%d is %v", code, causeOf(code))
		}
	}
	errors := 0
	for name := range header {
		if len(name) > 4 && name[:4] == "ERR_" {
			errors++
			if own[int(header[name])] == nil {
				t.Errorf("REFLINK_%s is not known here", name)
			}
		}
	}
	if errors != len(own) {
		t.Errorf("%d errors of its own in the header, %d here", errors, len(own))
	}
	if len(methods) != 5 || len(reasons) != 8 || len(steps) != 12 || Step(99).String() != "unknown (99)" {
		t.Error("a number without a name")
	}
}
