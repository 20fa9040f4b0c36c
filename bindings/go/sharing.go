// What files are made of and what they share. The numbers are made from the library's sources ("make header").

package reflink

/*
#include <libreflink.h>

extern int goreflinkExtents(uintptr_t watcher, struct reflink_extent *extents, size_t count);

static int goreflink_give(void *user, const struct reflink_extent *extents, size_t count)
{
	return goreflinkExtents((uintptr_t)user, (struct reflink_extent *)extents, count);
}

static int goreflink_extents(int fd, uint64_t offset, uint64_t length, uint64_t flags,
                             struct reflink_extents_result *result, uintptr_t watcher)
{
	return reflink_extents(fd, offset, length, flags, result, watcher != 0 ? goreflink_give : NULL, (void *)watcher);
}
*/
import "C"

import (
	"fmt"
	"io/fs"
	"os"
	"runtime/cgo"
	"syscall"
	"unsafe"
)

// Sharing is whether the file system says what is shared.
type Sharing uint32

// Whether it says so.
const (
	// make header: go-Sharing REFLINK_SHARING_*
	// The file system gives out no map of its files (NFS, FUSE, ZFS, tmpfs, all of FreeBSD), the data are kept elsewhere (in a cloud), or it is forbidden to ask.
	SharingUnknown Sharing = 0

	// The file system gives out a map, which does not say for all bytes whether they are shared.
	SharingUnreported Sharing = 1

	// The file system says what is shared, or cannot share anything (ext4).
	SharingKnown Sharing = 2
	// make header: end
)

// Verdict is what two ranges share.
type Verdict uint32

// Verdicts.
const (
	// make header: go-Verdict REFLINK_SHARED_*
	// It cannot be told whether any byte is shared.
	SharedUnknown Verdict = 0

	// Nothing is shared.
	SharedNone Verdict = 1

	// A part is shared.
	SharedPart Verdict = 2

	// Everything is shared: both ranges end together, nothing is apart, nothing is unknown.
	SharedAll Verdict = 3
	// make header: end
)

// ExtentKind is what a piece of a file is made of.
type ExtentKind uint32

// Kinds.
const (
	// make header: go-ExtentKind extent.kind
	// Bytes in blocks.
	ExtentData ExtentKind = 1

	// A hole: no blocks, reads as zeros.
	ExtentHole ExtentKind = 2

	// Blocks that are reserved and not written yet: they read as zeros.
	ExtentPreallocated ExtentKind = 3

	// Bytes in the metadata of the file system: no blocks.
	ExtentInline ExtentKind = 4

	// Bytes without a known place: not written out yet, or the file system does not say where.
	ExtentPending ExtentKind = 5
	// make header: end
)

func (s Sharing) String() string {
	switch s {
	// make header: go-names REFLINK_SHARING_*
	case SharingUnknown:
		return "unknown"
	case SharingUnreported:
		return "unreported"
	case SharingKnown:
		return "known"
	// make header: end
	default:
		return fmt.Sprintf("unknown (%d)", uint32(s))
	}
}

func (v Verdict) String() string {
	switch v {
	// make header: go-names REFLINK_SHARED_*
	case SharedUnknown:
		return "unknown"
	case SharedNone:
		return "none"
	case SharedPart:
		return "part"
	case SharedAll:
		return "all"
	// make header: end
	default:
		return fmt.Sprintf("unknown (%d)", uint32(v))
	}
}

func (k ExtentKind) String() string {
	switch k {
	// make header: go-names extent.kind
	case ExtentData:
		return "data"
	case ExtentHole:
		return "hole"
	case ExtentPreallocated:
		return "preallocated"
	case ExtentInline:
		return "inline"
	case ExtentPending:
		return "pending"
	// make header: end
	default:
		return fmt.Sprintf("unknown (%d)", uint32(k))
	}
}

// MapFlags say how to look.
type MapFlags uint64

// NoFlush does not write out what is not written yet: more is pending or unknown, and nothing false.
const NoFlush MapFlags = C.REFLINK_MAP_NO_FLUSH

// Extent is a piece of a file.
type Extent struct {
	Offset, Length uint64
	// Place is where it lies on the volume, if HasPlace: a number to compare.
	Place uint64
	Kind  ExtentKind
	// Shared: something else uses the blocks too. Encoded: compressed or encrypted. BeyondEOF: behind the end of the
	// file.
	Shared, Encoded, HasPlace, BeyondEOF bool
}

// ExtentSums are what a range of a file is made of. The seven sums from BytesShared to BytesPending add up to Length.
type ExtentSums struct {
	// Reported: only with SharingKnown does BytesUnshared mean that nothing else uses these bytes.
	Reported Sharing
	// Reason and OSError say why there is no map (SharingUnknown).
	Reason  Reason
	OSError syscall.Errno
	// Changed: the file changed during the call. Exact: BytesExclusive is exact, and not a minimum.
	Changed, Exact bool
	// Length is what was looked at, up to the end of the file.
	Length                                    uint64
	BytesShared, BytesUnshared, BytesEncoded  uint64
	BytesPreallocated, BytesHole, BytesInline uint64
	// BytesPending have no known place.
	BytesPending uint64
	// Those of BytesEncoded and of BytesPreallocated that are shared.
	BytesEncodedShared, BytesPreallocatedShared uint64
	// BytesBeyondEOF are held behind the end of the file. BytesExclusive are of no other file, at least.
	BytesBeyondEOF, BytesExclusive uint64
	// Extents of the file; holes are not counted.
	Extents uint64
}

// Comparison is how two ranges relate. BytesSame, BytesApart, BytesHole and BytesUnknown add up to Length.
type Comparison struct {
	Verdict Verdict
	// Reported is the least of both files.
	Reported Sharing
	// Reason: ReasonCrossDevice for two volumes; else, with OSError, why there is no map.
	Reason  Reason
	OSError syscall.Errno
	// Changed: a file changed during the call, and so nothing is known.
	Changed bool
	// Length is what was looked at, up to the later of both ends.
	Length                                         uint64
	BytesSame, BytesApart, BytesHole, BytesUnknown uint64
	// The first byte that is apart, and the first that is unknown, from the ranges' beginning; Length if there is none.
	FirstApart, FirstUnknown uint64
}

// Extents finds out what length bytes (ToEOF: all the rest) of an open file are made of. Where each is not nil, it is
// called with each extent in order, holes included; an error stops the call and is what it fails with, and a panic is
// passed on. That nobody says what is shared is an answer, and no error.
func Extents(file *os.File, offset, length int64, flags MapFlags, each func(Extent) error) (ExtentSums, error) {
	raw := C.struct_reflink_extents_result{size: C.sizeof_struct_reflink_extents_result}
	w := &extentWatcher{each: each}
	var handle cgo.Handle
	if each != nil {
		handle = cgo.NewHandle(w)
		defer handle.Delete()
	}
	var code C.int
	err := withLooks(offset, length, func(bytes C.uint64_t) error {
		return withDescriptors(file, file, func(fd, _ C.int) {
			code = C.goreflink_extents(fd, C.uint64_t(offset), bytes, C.uint64_t(flags), &raw, C.uintptr_t(handle))
		})
	})
	w.again()
	failed := Result{Step: Step(raw.step), OSError: syscall.Errno(raw.os_error), AtSource: raw.flags&C.REFLINK_AT_SOURCE != 0}
	return sumsOf(&raw), looked("extents", file, file, int(code), failed, w.err, err)
}

// Shared finds out whether length bytes (ToEOF: all the rest) of two open files lie at one place on the volume.
// SharedAll is a proof. No answer is an error.
func Shared(a, b *os.File, aOffset, bOffset, length int64, flags MapFlags) (Comparison, error) {
	raw := C.struct_reflink_shared_result{size: C.sizeof_struct_reflink_shared_result}
	var code C.int
	err := withLooks(min64(aOffset, bOffset), length, func(bytes C.uint64_t) error {
		return withDescriptors(a, b, func(one, other C.int) {
			code = C.reflink_shared(one, C.uint64_t(aOffset), other, C.uint64_t(bOffset), bytes, C.uint64_t(flags), &raw)
		})
	})
	failed := Result{
		Step:          Step(raw.step),
		OSError:       syscall.Errno(raw.os_error),
		AtSource:      raw.flags&C.REFLINK_AT_SOURCE != 0,
		AtDestination: raw.flags&C.REFLINK_AT_DESTINATION != 0,
	}
	return comparisonOf(&raw), looked("shared", a, b, int(code), failed, nil, err)
}

func min64(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

// withLooks checks what Go's signed numbers allow beyond C's.
func withLooks(offset, length int64, work func(bytes C.uint64_t) error) error {
	if offset < 0 || length < ToEOF {
		return syscall.EINVAL
	}
	if length == ToEOF {
		length = numberToEof
	}
	return work(C.uint64_t(length))
}

// looked makes the error, where there is one.
func looked(op string, a, b *os.File, code int, result Result, own, err error) error {
	switch {
	case err == fs.ErrClosed || err == syscall.EINVAL:
		result.Step = StepArguments
	case err == nil && code == 0:
		return nil
	case own != nil:
		err = own
	case err == nil:
		err = causeOf(code)
	}
	return &Error{Op: op, Src: nameOf(a), Dst: nameOf(b), Code: code, Result: result, cause: err}
}

// extentWatcher is handed to C as the number of a cgo.Handle, and lives as long as the call.
type extentWatcher struct {
	each     func(Extent) error
	err      error
	panicked bool
	value    any
}

// give says whether to stop. A panic must not cross the library's frames: it stops the call, and goes on in again.
func (w *extentWatcher) give(extents []C.struct_reflink_extent) (stop bool) {
	returned := false
	defer func() {
		if !returned {
			w.panicked, w.value, stop = true, recover(), true
		}
	}()
	for at := range extents {
		if w.err = w.each(extentOf(&extents[at])); w.err != nil {
			break
		}
	}
	returned = true
	return w.err != nil
}

func (w *extentWatcher) again() {
	if w.panicked {
		panic(w.value)
	}
}

//export goreflinkExtents
func goreflinkExtents(number C.uintptr_t, extents *C.struct_reflink_extent, count C.size_t) C.int {
	if cgo.Handle(number).Value().(*extentWatcher).give(unsafe.Slice(extents, int(count))) {
		return 1
	}
	return 0
}

func extentOf(raw *C.struct_reflink_extent) Extent {
	return Extent{
		Offset:    uint64(raw.offset),
		Length:    uint64(raw.length),
		Place:     uint64(raw.place),
		Kind:      ExtentKind(raw.kind),
		Shared:    raw.flags&C.REFLINK_EXTENT_SHARED != 0,
		Encoded:   raw.flags&C.REFLINK_EXTENT_ENCODED != 0,
		HasPlace:  raw.flags&C.REFLINK_EXTENT_PLACE != 0,
		BeyondEOF: raw.flags&C.REFLINK_EXTENT_BEYOND_EOF != 0,
	}
}

func sumsOf(raw *C.struct_reflink_extents_result) ExtentSums {
	return ExtentSums{
		Reported:                Sharing(raw.reported),
		Reason:                  Reason(raw.reason),
		OSError:                 syscall.Errno(raw.os_error),
		Changed:                 raw.flags&C.REFLINK_MAP_CHANGED != 0,
		Exact:                   raw.flags&C.REFLINK_EXACT != 0,
		Length:                  uint64(raw.length),
		BytesShared:             uint64(raw.bytes_shared),
		BytesUnshared:           uint64(raw.bytes_unshared),
		BytesEncoded:            uint64(raw.bytes_encoded),
		BytesPreallocated:       uint64(raw.bytes_preallocated),
		BytesHole:               uint64(raw.bytes_hole),
		BytesInline:             uint64(raw.bytes_inline),
		BytesPending:            uint64(raw.bytes_pending),
		BytesEncodedShared:      uint64(raw.bytes_encoded_shared),
		BytesPreallocatedShared: uint64(raw.bytes_preallocated_shared),
		BytesBeyondEOF:          uint64(raw.bytes_beyond_eof),
		BytesExclusive:          uint64(raw.bytes_exclusive),
		Extents:                 uint64(raw.extents),
	}
}

func comparisonOf(raw *C.struct_reflink_shared_result) Comparison {
	return Comparison{
		Verdict:      Verdict(raw.verdict),
		Reported:     Sharing(raw.reported),
		Reason:       Reason(raw.reason),
		OSError:      syscall.Errno(raw.os_error),
		Changed:      raw.flags&C.REFLINK_MAP_CHANGED != 0,
		Length:       uint64(raw.length),
		BytesSame:    uint64(raw.bytes_same),
		BytesApart:   uint64(raw.bytes_apart),
		BytesHole:    uint64(raw.bytes_hole),
		BytesUnknown: uint64(raw.bytes_unknown),
		FirstApart:   uint64(raw.first_apart),
		FirstUnknown: uint64(raw.first_unknown),
	}
}
