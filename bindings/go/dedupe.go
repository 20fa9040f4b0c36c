// Equal files that come to share their blocks.

package reflink

/*
#include <libreflink.h>

extern int goreflinkProgress(uintptr_t watcher, uint64_t done, uint64_t total);

static int goreflink_deduped(void *user, const struct reflink_progress *now)
{
	return goreflinkProgress((uintptr_t)user, now->bytes_done, now->bytes_total);
}

static int goreflink_dedupe(int src, uint64_t src_offset, int dst, uint64_t dst_offset, uint64_t length,
                            uint32_t durability, uint64_t flags, uintptr_t watcher, const volatile int *cancel,
                            struct reflink_dedupe_result *result)
{
	struct reflink_dedupe_options options = REFLINK_DEDUPE_OPTIONS_INIT;
	options.durability = durability;
	options.flags = flags;
	options.cancel = cancel;
	if (watcher != 0) {
		options.progress = goreflink_deduped;
		options.user = (void *)watcher;
	}
	return reflink_dedupe_range(src, src_offset, dst, dst_offset, length, &options, result);
}
*/
import "C"

import (
	"context"
	"os"
	"syscall"
)

// DedupeFlags say how to make files share.
type DedupeFlags uint64

// Flags; they can be or-ed.
const (
	// PastDifferences goes on behind a difference, instead of stopping there.
	PastDifferences DedupeFlags = numberDedupeContinue
	// NoLook asks for what the maps of both files show to be shared, too.
	NoLook DedupeFlags = numberDedupeNoLook
	// Verify looks at the maps afterwards: BytesVerified.
	Verify DedupeFlags = numberDedupeVerify
)

// Deduped is what was compared and shared. The sums from BytesDeduped to BytesNotReached add up to Length.
type Deduped struct {
	// Reason says why bytes were skipped, DedupeErr what refused to share. A difference has no reason.
	Reason    Reason
	DedupeErr syscall.Errno
	// Length is that of the range, up to the end of the longer file.
	Length uint64
	// BytesDeduped were compared by the system, found to be the same, and shared. BytesAlready were shared before.
	BytesDeduped, BytesAlready uint64
	// BytesDifferent are those of blocks in which something differs, and those of one file only.
	BytesDifferent uint64
	// BytesSkipped could not be asked for. BytesNotReached are behind what ended the call.
	BytesSkipped, BytesNotReached uint64
	// BytesVerified of the first two are shown to be shared by the maps, with Verify.
	BytesVerified uint64
	// FirstDifference is from the beginning of the range; Length if there is none.
	FirstDifference uint64
}

// All says whether everything is shared now.
func (d Deduped) All() bool { return d.BytesDeduped+d.BytesAlready == d.Length }

// Dedupe makes length bytes (ToEOF: all the rest) of two open files share their blocks where both hold the same. The
// system compares them under a lock: nothing that a file shows ever changes, whoever writes to it. A difference is an
// answer, and no error. dst need not be open for writing. Of the options WithDurable, WithProgress and WithContext are
// taken.
func Dedupe(dst, src *os.File, dstOffset, srcOffset, length int64, flags DedupeFlags, options ...Option) (Deduped, error) {
	c := configured(context.Background(), options)
	raw := C.struct_reflink_dedupe_result{size: C.sizeof_struct_reflink_dedupe_result}
	code, result, w, err := watched(c, func(w *watcher) (int, Result, error) {
		var code C.int
		err := withLooks(min64(srcOffset, dstOffset), length, func(bytes C.uint64_t) error {
			return withDescriptors(src, dst, func(from, to C.int) {
				code = C.goreflink_dedupe(from, C.uint64_t(srcOffset), to, C.uint64_t(dstOffset), bytes,
					C.uint32_t(c.durability), C.uint64_t(flags), C.uintptr_t(w.handle), w.flag, &raw)
			})
		})
		return int(code), Result{
			Step:          Step(raw.step),
			Reason:        Reason(raw.reason),
			OSError:       syscall.Errno(raw.os_error),
			AtSource:      raw.flags&C.REFLINK_AT_SOURCE != 0,
			AtDestination: raw.flags&C.REFLINK_AT_DESTINATION != 0,
		}, err
	})
	_, err = outcome("dedupe", nameOf(src), nameOf(dst), code, result, w, err)
	return Deduped{
		Reason:          Reason(raw.reason),
		DedupeErr:       syscall.Errno(-raw.dedupe_error),
		Length:          uint64(raw.length),
		BytesDeduped:    uint64(raw.bytes_deduped),
		BytesAlready:    uint64(raw.bytes_already),
		BytesDifferent:  uint64(raw.bytes_different),
		BytesSkipped:    uint64(raw.bytes_skipped),
		BytesNotReached: uint64(raw.bytes_not_reached),
		BytesVerified:   uint64(raw.bytes_verified),
		FirstDifference: uint64(raw.first_difference),
	}, err
}
