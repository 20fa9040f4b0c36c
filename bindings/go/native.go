// The calls into C, and nothing else: what they need from Go arrives by value, so that C never sees a Go pointer but
// the one to its result.

package reflink

/*
#cgo pkg-config: libreflink
#include <stdlib.h>
#include <libreflink.h>

// What Go asks for. The progress function is added here, where function pointers are at home; its argument is a
// cgo.Handle, which is a number.
struct goreflink_how {
	uint32_t mode, if_exists, durability, permissions, preserve;
	uint64_t flags;
	uintptr_t watcher;
	const volatile int *cancel;
};

extern int goreflinkProgress(uintptr_t watcher, uint64_t done, uint64_t total);

static int goreflink_forward(void *user, const struct reflink_progress *now)
{
	return goreflinkProgress((uintptr_t)user, now->bytes_done, now->bytes_total);
}

static struct reflink_options goreflink_options(const struct goreflink_how *how)
{
	struct reflink_options options = REFLINK_OPTIONS_INIT;
	options.mode = how->mode;
	options.if_exists = how->if_exists;
	options.durability = how->durability;
	options.permissions = how->permissions;
	options.preserve = how->preserve;
	options.flags = how->flags;
	options.cancel = how->cancel;
	if (how->watcher != 0) {
		options.progress = goreflink_forward;
		options.user = (void *)how->watcher;
	}
	return options;
}

static int goreflink_copy_file(const char *src, const char *dst, struct goreflink_how how, struct reflink_result *result)
{
	struct reflink_options options = goreflink_options(&how);
	return reflink_copy_file(src, dst, &options, result);
}

static int goreflink_copy_file_at(int src_dir, const char *src, int dst_dir, const char *dst, struct goreflink_how how,
                                  struct reflink_result *result)
{
	struct reflink_options options = goreflink_options(&how);
	return reflink_copy_file_at(src_dir, src, dst_dir, dst, &options, result);
}

static int goreflink_copy_fd(int src, int dst, struct goreflink_how how, struct reflink_result *result)
{
	struct reflink_options options = goreflink_options(&how);
	return reflink_copy_fd(src, dst, &options, result);
}

static int goreflink_copy_range(int src, uint64_t src_offset, int dst, uint64_t dst_offset, uint64_t length,
                                struct goreflink_how how, struct reflink_result *result)
{
	struct reflink_options options = goreflink_options(&how);
	return reflink_copy_range(src, src_offset, dst, dst_offset, length, &options, result);
}
*/
import "C"

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// how turns the options into what C takes.
func (c *config) how(w *watcher) C.struct_goreflink_how {
	return C.struct_goreflink_how{
		mode:        C.uint32_t(c.mode),
		if_exists:   C.uint32_t(c.ifExists),
		durability:  C.uint32_t(c.durability),
		permissions: C.uint32_t(c.permissions),
		preserve:    C.uint32_t(c.preserve),
		flags:       C.uint64_t(c.flags),
		watcher:     C.uintptr_t(w.handle),
		cancel:      w.flag,
	}
}

// cString copies a name to C. A NUL in it would silently end it there.
func cString(name string) (*C.char, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return nil, syscall.EINVAL
	}
	return C.CString(name), nil
}

func free(text *C.char) { C.free(unsafe.Pointer(text)) }

// withNames runs work with both names as C has them, where C can.
func withNames(src, dst string, work func(src, dst *C.char)) error {
	source, err := cString(src)
	if err != nil {
		return err
	}
	defer free(source)
	target, err := cString(dst)
	if err != nil {
		return err
	}
	defer free(target)
	work(source, target)
	return nil
}

// withNamesAt does the same with the directories that they are relative to.
func withNamesAt(srcDir *os.File, src string, dstDir *os.File, dst string, work func(C.int, *C.char, C.int, *C.char)) error {
	var inner error
	outer := withDescriptors(srcDir, dstDir, func(from, to C.int) {
		inner = withNames(src, dst, func(source, target *C.char) { work(from, source, to, target) })
	})
	if outer != nil {
		return outer
	}
	return inner
}

func nativeCopyFile(src, dst string, c *config, w *watcher) (int, Result, error) {
	raw := C.struct_reflink_result{size: C.sizeof_struct_reflink_result}
	var code C.int
	err := withNames(src, dst, func(source, target *C.char) {
		code = C.goreflink_copy_file(source, target, c.how(w), &raw)
	})
	return int(code), resultOf(&raw), err
}

func nativeCopyFileAt(srcDir *os.File, src string, dstDir *os.File, dst string, c *config, w *watcher) (int, Result, error) {
	raw := C.struct_reflink_result{size: C.sizeof_struct_reflink_result}
	var code C.int
	err := withNamesAt(srcDir, src, dstDir, dst, func(from C.int, source *C.char, to C.int, target *C.char) {
		code = C.goreflink_copy_file_at(from, source, to, target, c.how(w), &raw)
	})
	return int(code), resultOf(&raw), err
}

func nativeCopyContent(src, dst *os.File, c *config, w *watcher) (int, Result, error) {
	raw := C.struct_reflink_result{size: C.sizeof_struct_reflink_result}
	var code C.int
	err := withDescriptors(src, dst, func(source, target C.int) {
		code = C.goreflink_copy_fd(source, target, c.how(w), &raw)
	})
	return int(code), resultOf(&raw), err
}

type span struct{ src, dst, length uint64 }

func nativeCopyRange(src, dst *os.File, at span, c *config, w *watcher) (int, Result, error) {
	raw := C.struct_reflink_result{size: C.sizeof_struct_reflink_result}
	var code C.int
	err := withDescriptors(src, dst, func(source, target C.int) {
		code = C.goreflink_copy_range(source, C.uint64_t(at.src), target, C.uint64_t(at.dst), C.uint64_t(at.length),
			c.how(w), &raw)
	})
	return int(code), resultOf(&raw), err
}

// withDescriptors runs work with both descriptors open: Control keeps each from being closed or collected meanwhile
// (which runtime.KeepAlive would not: another goroutine may call Close), and leaves its blocking mode alone, which
// File.Fd would not.
func withDescriptors(src, dst *os.File, work func(src, dst C.int)) error {
	source, err := src.SyscallConn()
	if err != nil {
		return err
	}
	target, err := dst.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	outer := source.Control(func(from uintptr) {
		inner = target.Control(func(to uintptr) { work(C.int(from), C.int(to)) })
	})
	if outer == nil {
		outer = inner
	}
	if outer != nil && !errors.Is(outer, fs.ErrInvalid) {
		return fs.ErrClosed // the only other error; Go 1.19 gives an internal one for it
	}
	return outer
}

func nativeProbe(src, dir string, hasSource bool) (int, Capability, error) {
	directory, err := cString(dir)
	if err != nil {
		return 0, Capability{}, err
	}
	defer free(directory)
	var source *C.char
	if hasSource {
		if source, err = cString(src); err != nil {
			return 0, Capability{}, err
		}
		defer free(source)
	}
	raw := C.struct_reflink_capability{size: C.sizeof_struct_reflink_capability}
	code := C.reflink_probe(source, directory, &raw)
	return int(code), capabilityOf(&raw), nil
}

func resultOf(raw *C.struct_reflink_result) Result {
	return Result{
		Method:             Method(raw.method),
		Reason:             Reason(raw.reason),
		CloneError:         syscall.Errno(-raw.clone_error),
		OSError:            syscall.Errno(raw.os_error),
		Step:               Step(raw.step),
		BytesCloned:        uint64(raw.bytes_cloned),
		CloneOffset:        uint64(raw.clone_offset),
		BytesCopied:        uint64(raw.bytes_copied),
		BytesHole:          uint64(raw.bytes_hole),
		SourceChanged:      raw.flags&C.REFLINK_SOURCE_CHANGED != 0,
		MetadataIncomplete: raw.flags&C.REFLINK_METADATA_INCOMPLETE != 0,
		Published:          raw.flags&C.REFLINK_PUBLISHED != 0,
		DestinationChanged: raw.flags&C.REFLINK_DESTINATION_CHANGED != 0,
		AtSource:           raw.flags&C.REFLINK_AT_SOURCE != 0,
		AtDestination:      raw.flags&C.REFLINK_AT_DESTINATION != 0,
		Litter:             litterOf(raw),
	}
}

func litterOf(raw *C.struct_reflink_result) string {
	if raw.flags&C.REFLINK_LITTER == 0 {
		return ""
	}
	return C.GoString(&raw.litter[0])
}

func capabilityOf(raw *C.struct_reflink_capability) Capability {
	return Capability{
		Clone:             Answer(raw.clone),
		Reason:            Reason(raw.reason),
		Err:               syscall.Errno(-raw.clone_error),
		Dedupe:            Answer(raw.dedupe),
		DedupeErr:         syscall.Errno(-raw.dedupe_error),
		Exchange:          Answer(raw.exchange),
		Range:             raw.clone_range == 1,
		KernelCopy:        raw.kernel_copy == 1,
		UnnamedFiles:      raw.unnamed_files == 1,
		Sparse:            raw.sparse == 1,
		Granularity:       uint64(raw.granularity),
		DedupeGranularity: uint64(raw.dedupe_granularity),
		FSName:            C.GoString(&raw.fs_name[0]),
	}
}

func cloneRefused(code int, result *Result) bool {
	return C.reflink_clone_refused(C.int(code), C.uint32_t(result.Step), C.uint32_t(result.Reason)) == 1
}

func errnoOf(code int) syscall.Errno { return syscall.Errno(C.reflink_errno(C.int(code))) }

// Text says what was done: "cloned".
func (m Method) Text() string { return C.GoString(C.reflink_method_text(C.uint32_t(m))) }

// Text says why not everything was cloned: "this volume cannot clone".
func (r Reason) Text() string { return C.GoString(C.reflink_reason_text(C.uint32_t(r))) }

// Text says what failed: "making the file".
func (s Step) Text() string { return C.GoString(C.reflink_step_text(C.uint32_t(s))) }

func message(code int) string { return C.GoString(C.reflink_strerror(C.int(code))) }

// Version is that of the C library loaded: "0.1.0".
func Version() string { return C.GoString(C.reflink_version_string()) }
