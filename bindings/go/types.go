// What a copy and a probe answer with. The numbers are made from the library's sources ("make header").

package reflink

import (
	"fmt"
	"syscall"
)

// Method is how the data was copied.
type Method uint32

// Methods.
const (
	// make header: go-Method REFLINK_METHOD_*
	// No data was copied: there was nothing to do, or the call failed before.
	MethodNone Method = 0

	// All of it shares its blocks with the source.
	MethodClone Method = 1

	// Part of it was cloned: the middle of a range, or the part of a file before the method changed.
	MethodMixed Method = 2

	// The kernel copied (copy_file_range(2)), at least in part.
	MethodKernelCopy Method = 3

	// Read and written: nothing is shared.
	MethodCopy Method = 4
	// make header: end
)

// Reason is why not everything was cloned.
type Reason uint32

// Reasons.
const (
	// make header: go-Reason REFLINK_REASON_*
	// Everything was cloned, or the call ended before cloning was tried.
	ReasonNone Reason = 0

	// This volume cannot clone, or this kernel does not support it.
	ReasonUnsupported Reason = 1

	// Not between these two file systems.
	ReasonCrossDevice Reason = 2

	// Not this file or this range: alignment, NOCOW on one side only (Btrfs), a limit, a swap file.
	ReasonFile Reason = 3

	// Forbidden, or filtered away by a sandbox (seccomp, SELinux).
	ReasonPermission Reason = 4

	// Not possible now; it may be later.
	ReasonTransient Reason = 5

	// REFLINK_NEVER was asked for.
	ReasonNotAsked Reason = 6

	// Cloning is possible and failed: no space, no memory, an I/O error.
	ReasonFailure Reason = 7
	// make header: end
)

// Step is which operation failed.
type Step uint32

// Steps.
const (
	// make header: go-Step REFLINK_STEP_*
	// Nothing failed.
	StepNone Step = 0

	// Reading the arguments.
	StepArguments Step = 1

	// Opening the source.
	StepOpenSource Step = 2

	// Checking both files before anything is written.
	StepCheck Step = 3

	// Making the new file.
	StepCreate Step = 4

	// Cloning.
	StepClone Step = 5

	// Copying.
	StepCopy Step = 6

	// Setting owner, extended attributes, ACL, mode or times.
	StepMetadata Step = 7

	// Syncing to the device.
	StepSync Step = 8

	// Giving the new file its name.
	StepPublish Step = 9

	// Closing.
	StepClose Step = 10

	// The progress function, or `cancel` of the options, stopped the copy.
	StepProgress Step = 11

	// Of trees: opening or reading a directory.
	StepWalk Step = 12

	// Of trees: `filter`.
	StepFilter Step = 13

	// Of trees: removing the replaced tree, after the name got the new one (REFLINK_PUBLISHED), or an unfinished one.
	StepCleanup Step = 14

	// Asking where the bytes of a file lie.
	StepMap Step = 15

	// Comparing two ranges and making them share their blocks.
	StepDedupe Step = 16
	// make header: end
)

func (m Method) String() string {
	switch m {
	// make header: go-names REFLINK_METHOD_*
	case MethodNone:
		return "none"
	case MethodClone:
		return "clone"
	case MethodMixed:
		return "mixed"
	case MethodKernelCopy:
		return "kernel copy"
	case MethodCopy:
		return "copy"
	// make header: end
	default:
		return fmt.Sprintf("unknown (%d)", uint32(m))
	}
}

func (r Reason) String() string {
	switch r {
	// make header: go-names REFLINK_REASON_*
	case ReasonNone:
		return "none"
	case ReasonUnsupported:
		return "unsupported"
	case ReasonCrossDevice:
		return "cross device"
	case ReasonFile:
		return "file"
	case ReasonPermission:
		return "permission"
	case ReasonTransient:
		return "transient"
	case ReasonNotAsked:
		return "not asked"
	case ReasonFailure:
		return "failure"
	// make header: end
	default:
		return fmt.Sprintf("unknown (%d)", uint32(r))
	}
}

func (s Step) String() string {
	switch s {
	// make header: go-names REFLINK_STEP_*
	case StepNone:
		return "none"
	case StepArguments:
		return "arguments"
	case StepOpenSource:
		return "open source"
	case StepCheck:
		return "check"
	case StepCreate:
		return "create"
	case StepClone:
		return "clone"
	case StepCopy:
		return "copy"
	case StepMetadata:
		return "metadata"
	case StepSync:
		return "sync"
	case StepPublish:
		return "publish"
	case StepClose:
		return "close"
	case StepProgress:
		return "progress"
	case StepWalk:
		return "walk"
	case StepFilter:
		return "filter"
	case StepCleanup:
		return "cleanup"
	case StepMap:
		return "map"
	case StepDedupe:
		return "dedupe"
	// make header: end
	default:
		return fmt.Sprintf("unknown (%d)", uint32(s))
	}
}

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
	CloneOffset                         uint64 // of CopyRange: where the bytes cloned begin, from the range's beginning
	// SourceChanged: the source was written while it was copied.
	SourceChanged bool
	// MetadataIncomplete: some could not be set, and WithBestEffortMetadata let it pass.
	MetadataIncomplete bool
	// Published: the destination's name holds the complete new file, also after an error.
	Published bool
	// DestinationChanged: after an error, the open destination was changed, or may have been.
	DestinationChanged bool
	// AtSource: the call that failed was made on the source ("error reading").
	AtSource bool
	// AtDestination: the call that failed was made on the destination, its name or its directory ("error writing").
	AtDestination bool
	// Litter is the private name that could not be removed beside the destination, "" if there is none.
	Litter string
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
	// Dedupe: equal ranges can be made to share blocks; DedupeErr says what refused to.
	Dedupe    Answer
	DedupeErr syscall.Errno
	// Exchange: two names can be exchanged, and so WithReplace of CopyTree works without WithTwoRenames.
	Exchange Answer
	// Range: ranges can be cloned. KernelCopy: copy_file_range(2) works. UnnamedFiles: a copy can be built without a
	// name. Sparse: holes take no space and can be found.
	Range, KernelCopy, UnnamedFiles, Sparse bool
	// Granularity is the alignment that range clones were seen to need, 0 if none was seen to work.
	Granularity uint64
	// DedupeGranularity is the alignment in which ranges came to share, 0 if none did.
	DedupeGranularity uint64
	// FSName is for people, not for decisions.
	FSName string
}
