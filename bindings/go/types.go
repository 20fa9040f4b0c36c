// What a copy and a probe answer with. The numbers are those of reflink.h; a test compares them.

package reflink

import (
	"fmt"
	"syscall"
)

// Method is how the data came over.
type Method uint32

// Methods.
const (
	MethodNone       Method = 0 // no data came over
	MethodClone      Method = 1 // all of it shares its blocks with the source
	MethodMixed      Method = 2 // part of it does
	MethodKernelCopy Method = 3 // copy_file_range(2), which may have shared blocks or not, and does not say
	MethodCopy       Method = 4 // read and written: nothing is shared
)

// Reason is why not everything was cloned.
type Reason uint32

// Reasons.
const (
	ReasonNone        Reason = 0 // everything was, or it did not come to that
	ReasonUnsupported Reason = 1 // this volume cannot clone
	ReasonCrossDevice Reason = 2 // not between these two file systems
	ReasonFile        Reason = 3 // not this file or range: alignment, NOCOW, a limit
	ReasonPermission  Reason = 4 // forbidden, or filtered away by a sandbox
	ReasonTransient   Reason = 5 // not now; later it may be
	ReasonNotAsked    Reason = 6 // Never was asked for
	ReasonFailure     Reason = 7 // cloning is possible and went wrong: no space, an I/O error
)

// Step is which operation failed.
type Step uint32

// Steps.
const (
	StepNone       Step = 0
	StepArguments  Step = 1
	StepOpenSource Step = 2
	StepCheck      Step = 3
	StepCreate     Step = 4
	StepClone      Step = 5
	StepCopy       Step = 6
	StepMetadata   Step = 7
	StepSync       Step = 8
	StepPublish    Step = 9
	StepClose      Step = 10
	StepProgress   Step = 11
)

var (
	methods = []string{"none", "clone", "mixed", "kernel copy", "copy"}
	reasons = []string{
		"none", "unsupported", "cross-device", "file", "permission", "transient", "not asked", "failure",
	}
	steps = []string{
		"none", "arguments", "open source", "check", "create", "clone", "copy", "metadata", "sync", "publish", "close",
		"progress",
	}
)

func named(names []string, number uint32) string {
	if uint64(number) < uint64(len(names)) {
		return names[number]
	}
	return fmt.Sprintf("unknown (%d)", number)
}

func (m Method) String() string { return named(methods, uint32(m)) }
func (r Reason) String() string { return named(reasons, uint32(r)) }
func (s Step) String() string   { return named(steps, uint32(s)) }

// Result is what a copy did. An *Error has it too.
type Result struct {
	Method Method
	Reason Reason
	// CloneError refused the clone, OSError is behind a failure; 0 if none.
	CloneError, OSError syscall.Errno
	// Step failed.
	Step Step
	// Bytes that share their blocks with the source, that were copied, and that were left as holes. They add up to
	// the length; after an error, to how far it got.
	BytesCloned, BytesCopied, BytesHole uint64
	// SourceChanged: the source was written while it was copied.
	SourceChanged bool
	// MetadataIncomplete: some could not be set, and WithBestEffortMetadata let it pass.
	MetadataIncomplete bool
}

// Length is the number of bytes dealt with, in whichever way.
func (r Result) Length() uint64 { return r.BytesCloned + r.BytesCopied + r.BytesHole }

// Answer is yes, no or unknown.
type Answer int32

// Answers.
const (
	Unknown Answer = -1
	No      Answer = 0
	Yes     Answer = 1
)

// Capability is what a directory can do, found out by trying it. The copy itself remains the authority.
type Capability struct {
	Clone Answer
	// Reason and Err say why not, or why that is unknown.
	Reason Reason
	Err    syscall.Errno
	// Range: ranges can be cloned. KernelCopy: copy_file_range(2) works. Dedupe: equal ranges can be made to share
	// blocks (not tried where the source is a file). UnnamedFiles: a copy can be built without a name. Sparse: holes
	// take no space and can be found.
	Range, KernelCopy, Dedupe, UnnamedFiles, Sparse bool
	// Granularity is the alignment that range clones were seen to need, 0 if none was seen to work.
	Granularity uint64
	// FSName is for people, not for decisions.
	FSName string
}
