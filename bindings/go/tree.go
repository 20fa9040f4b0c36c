// Whole trees: copies and removal, and their options.

package reflink

/*
#include <stdlib.h>
#include <libreflink.h>

enum { GOREFLINK_FILTER = 1, GOREFLINK_ON_ERROR = 2, GOREFLINK_ON_DONE = 4, GOREFLINK_PROGRESS = 8 };

struct goreflink_tree_how {
	uint32_t mode, if_exists, durability, permissions, preserve, threads;
	uint64_t flags;
	int wanted;
	uintptr_t watcher;
	const volatile int *cancel;
	char *failed_path;
	size_t failed_path_size;
};

extern int goreflinkTreeEntry(uintptr_t watcher, int function, struct reflink_tree_entry *entry);
extern int goreflinkTreeProgress(uintptr_t watcher, struct reflink_tree_progress *now);

static int goreflink_filter(void *user, const struct reflink_tree_entry *entry)
{
	return goreflinkTreeEntry((uintptr_t)user, GOREFLINK_FILTER, (struct reflink_tree_entry *)entry);
}

static int goreflink_on_error(void *user, const struct reflink_tree_entry *entry)
{
	return goreflinkTreeEntry((uintptr_t)user, GOREFLINK_ON_ERROR, (struct reflink_tree_entry *)entry);
}

static int goreflink_on_done(void *user, const struct reflink_tree_entry *entry)
{
	return goreflinkTreeEntry((uintptr_t)user, GOREFLINK_ON_DONE, (struct reflink_tree_entry *)entry);
}

static int goreflink_tree_progress(void *user, const struct reflink_tree_progress *now)
{
	return goreflinkTreeProgress((uintptr_t)user, (struct reflink_tree_progress *)now);
}

static struct reflink_tree_options goreflink_tree_options(const struct goreflink_tree_how *how)
{
	struct reflink_tree_options options = REFLINK_TREE_OPTIONS_INIT;
	options.mode = how->mode;
	options.if_exists = how->if_exists;
	options.durability = how->durability;
	options.permissions = how->permissions;
	options.preserve = how->preserve;
	options.threads = how->threads;
	options.flags = how->flags;
	options.cancel = how->cancel;
	options.failed_path = how->failed_path;
	options.failed_path_size = how->failed_path_size;
	options.user = (void *)how->watcher;
	options.filter = how->wanted & GOREFLINK_FILTER ? goreflink_filter : NULL;
	options.on_error = how->wanted & GOREFLINK_ON_ERROR ? goreflink_on_error : NULL;
	options.on_done = how->wanted & GOREFLINK_ON_DONE ? goreflink_on_done : NULL;
	options.progress = how->wanted & GOREFLINK_PROGRESS ? goreflink_tree_progress : NULL;
	return options;
}

static int goreflink_copy_tree(const char *src, const char *dst, struct goreflink_tree_how how,
                               struct reflink_tree_result *result)
{
	struct reflink_tree_options options = goreflink_tree_options(&how);
	return reflink_copy_tree(src, dst, &options, result);
}

static int goreflink_copy_tree_at(int src_dir, const char *src, int dst_dir, const char *dst, struct goreflink_tree_how how,
                                  struct reflink_tree_result *result)
{
	struct reflink_tree_options options = goreflink_tree_options(&how);
	return reflink_copy_tree_at(src_dir, src, dst_dir, dst, &options, result);
}

static int goreflink_remove_tree(const char *name, struct goreflink_tree_how how, struct reflink_tree_result *result)
{
	struct reflink_tree_options options = goreflink_tree_options(&how);
	return reflink_remove_tree(name, &options, result);
}

static int goreflink_remove_tree_at(int dir, const char *name, struct goreflink_tree_how how,
                                    struct reflink_tree_result *result)
{
	struct reflink_tree_options options = goreflink_tree_options(&how);
	return reflink_remove_tree_at(dir, name, &options, result);
}
*/
import "C"

import (
	"context"
	"fmt"
	"os"
	"runtime/cgo"
	"syscall"
	"unsafe"
)

// The numbers of trees, as C has them.
const (
	// make header: go-values REFLINK_MERGE REFLINK_TREE_* REFLINK_TAKE REFLINK_LEAVE_OUT REFLINK_TAKE_EMPTY REFLINK_STOP REFLINK_SKIP
	numberMerge        = 0x40
	numberSplitLinks   = 0x10000000000
	numberSkipSpecial  = 0x20000000000
	numberOneMount     = 0x40000000000
	numberTwoRenames   = 0x80000000000
	numberFlushSource  = 0x100000000000
	numberKeepExisting = 0x200000000000
	numberKeepReplaced = 0x800000000000
	numberIncomplete   = 0x10
	numberTake         = 0
	numberLeaveOut     = 1
	numberTakeEmpty    = 2
	numberStop         = 0
	numberSkip         = 1
	// make header: end
)

// EntryKind is what an entry of a tree is.
type EntryKind uint32

// Kinds of entries.
const (
	// make header: go-EntryKind REFLINK_ENTRY_*
	// A regular file.
	EntryFile EntryKind = 1
	// A directory.
	EntryDirectory EntryKind = 2
	// A symbolic link.
	EntrySymlink EntryKind = 3
	// A FIFO.
	EntryFifo EntryKind = 4
	// A socket.
	EntrySocket EntryKind = 5
	// A character device.
	EntryCharacterDevice EntryKind = 6
	// A block device.
	EntryBlockDevice EntryKind = 7
	// The mark of a deleted name in overlayfs: the character device 0:0.
	EntryWhiteout EntryKind = 8
	// make header: end
)

func (k EntryKind) String() string {
	switch k {
	// make header: go-names REFLINK_ENTRY_*
	case EntryFile:
		return "file"
	case EntryDirectory:
		return "directory"
	case EntrySymlink:
		return "symlink"
	case EntryFifo:
		return "fifo"
	case EntrySocket:
		return "socket"
	case EntryCharacterDevice:
		return "character device"
	case EntryBlockDevice:
		return "block device"
	case EntryWhiteout:
		return "whiteout"
	// make header: end
	default:
		return fmt.Sprintf("unknown (%d)", uint32(k))
	}
}

// Phase is what a call is doing.
type Phase uint32

// Phases.
const (
	// make header: go-Phase REFLINK_PHASE_*
	// Copying; or removing, in reflink_remove_tree().
	PhaseCopy Phase = 1
	// Writing through to the device.
	PhaseSync Phase = 2
	// Removing the replaced tree, or the unfinished one.
	PhaseCleanup Phase = 3
	// make header: end
)

func (p Phase) String() string {
	switch p {
	// make header: go-names REFLINK_PHASE_*
	case PhaseCopy:
		return "copy"
	case PhaseSync:
		return "sync"
	case PhaseCleanup:
		return "cleanup"
	// make header: end
	default:
		return fmt.Sprintf("unknown (%d)", uint32(p))
	}
}

// Take is what to do with an entry.
type Take int

// Answers of a filter.
const (
	TakeWhole Take = numberTake      // copy it
	LeaveOut  Take = numberLeaveOut  // leave it out, a directory with all that is in it
	TakeEmpty Take = numberTakeEmpty // make the directory, and leave out what is in it
)

// Entry is an entry of a tree, for the caller's functions.
type Entry struct {
	Kind EntryKind
	// Path is relative to the root; Name is its last part. Depth 1 is in the root.
	Path, Name string
	Depth      int
	// SourceDir, for a filter: the descriptor of the source's open directory that Name is in, else -1. For calls such as
	// fstatat; it must not be closed or read from.
	SourceDir int
	// Err, for WithOnError: what went wrong, an *Error with the names of the entry.
	Err error
	// For WithOnDone: how a file's data was copied, its length, whether it was written meanwhile, and whether metadata
	// could not be set.
	Method                            Method
	Length                            uint64
	SourceChanged, MetadataIncomplete bool
}

// TreeProgress is how far a call is.
type TreeProgress struct {
	Phase Phase
	// EntriesSeen were read from directories so far: the best total there is without a second walk.
	EntriesDone, EntriesSeen uint64
	// BytesDone are those of files that are done, cloned ones and holes included.
	BytesDone uint64
	// DirectoriesOpen are being worked on.
	DirectoriesOpen uint64
}

// TreeResult is what was done with a tree. An *Error has it too. Every entry below the root that was read is counted once, from
// Files to EntriesNotReached.
type TreeResult struct {
	// Step failed, OSError is behind that.
	Step    Step
	OSError syscall.Errno
	// Reason and CloneError say why the first file that was not cloned was not.
	Reason     Reason
	CloneError syscall.Errno
	// FailedPath is that of the entry that ended the call, relative to the root; "" where it was the root, or none did.
	FailedPath string
	// Published: the name holds the complete new tree, also after an error. Incomplete: entries failed and were skipped.
	Published, Incomplete bool
	// DestinationChanged: after an error, the directory that was there was changed, or may have been (WithMerge).
	MetadataIncomplete, DestinationChanged bool
	// The call that failed was made on the source, or on the destination.
	AtSource, AtDestination bool
	// Litter is the name of what was left beside the destination, "" if there is none.
	Litter string

	// Files are counted once each, HardLinks are further names. Specials are FIFOs, sockets, devices and whiteouts.
	Files, HardLinks, Directories, Symlinks, Specials uint64
	// SpecialsLeftOut by WithSkipSpecial, MountsLeftEmpty by WithOneMount, EntriesLeftOut by the filter, EntriesKept by
	// WithKeepExisting.
	SpecialsLeftOut, MountsLeftEmpty, EntriesLeftOut, EntriesKept uint64
	// EntriesFailed were skipped, EntriesVanished were removed by others meanwhile.
	EntriesFailed, EntriesVanished, EntriesNotReached uint64
	// Of Files. The first five add up to it.
	FilesCloned, FilesKernelCopied, FilesCopied, FilesMixed, FilesEmpty, FilesChanged uint64
	BytesCloned, BytesCopied, BytesHole                                               uint64
}

type treeConfig struct {
	config
	threads  uint32
	filter   func(Entry) (Take, error)
	onError  func(Entry) error
	onDone   func(Entry) error
	progress func(TreeProgress) error
}

// TreeOption says how to copy a tree. Each Option is one too, except WithProgress.
type TreeOption interface{ applyTo(*treeConfig) }

type treeOption func(*treeConfig)

func (o treeOption) applyTo(c *treeConfig) { o(c) }

func (o Option) applyTo(c *treeConfig) { o(&c.config) }

func treeFlag(flag uint64) TreeOption { return treeOption(func(c *treeConfig) { c.flags |= flag }) }

// WithMerge copies into the directory that is there, each entry in one step. After an error what was done so far stays.
func WithMerge() TreeOption { return treeOption(func(c *treeConfig) { c.ifExists = numberMerge }) }

// WithKeepExisting, with WithMerge, leaves what is there as it is.
func WithKeepExisting() TreeOption { return treeFlag(numberKeepExisting) }

// WithKeepReplaced, with WithReplace, leaves the old tree beside the new one, under the name TreeResult.Litter. To put it back,
// exchange both names: on Linux renameat2 with RENAME_EXCHANGE (golang.org/x/sys/unix has it); else two renames.
func WithKeepReplaced() TreeOption { return treeFlag(numberKeepReplaced) }

// WithTwoRenames, with WithReplace, allows a moment without the name, where two names cannot be exchanged in one step.
func WithTwoRenames() TreeOption { return treeFlag(numberTwoRenames) }

// WithSplitLinks makes each name of a file a file of its own.
func WithSplitLinks() TreeOption { return treeFlag(numberSplitLinks) }

// WithSkipSpecial leaves out FIFOs, sockets and devices.
func WithSkipSpecial() TreeOption { return treeFlag(numberSkipSpecial) }

// WithOneMount leaves what is mounted below the source empty.
func WithOneMount() TreeOption { return treeFlag(numberOneMount) }

// WithFlushSource writes the source's file system to the device first: on XFS, files written a moment ago are slow to clone.
func WithFlushSource() TreeOption { return treeFlag(numberFlushSource) }

// WithThreads sets the most threads that work at once, the calling one among them.
func WithThreads(most uint32) TreeOption { return treeOption(func(c *treeConfig) { c.threads = most }) }

// WithFilter has filter called for each entry before it is opened. An error ends the call and is what it fails with, as of all
// functions here. They run on the goroutine that called, one at a time. A panic is passed on when what was made is removed.
// None may call runtime.Goexit (nor t.FailNow of a test).
func WithFilter(filter func(Entry) (Take, error)) TreeOption {
	return treeOption(func(c *treeConfig) { c.filter = filter })
}

// WithOnError has onError called for each entry that failed. Nil leaves the entry out and goes on; to stop, return Entry.Err. Not
// asked about failures after which nothing can succeed, such as no space.
func WithOnError(onError func(Entry) error) TreeOption {
	return treeOption(func(c *treeConfig) { c.onError = onError })
}

// WithOnDone has onDone called for each entry that is finished.
func WithOnDone(onDone func(Entry) error) TreeOption {
	return treeOption(func(c *treeConfig) { c.onDone = onDone })
}

// WithTreeProgress has progress called every 64 entries or more often.
func WithTreeProgress(progress func(TreeProgress) error) TreeOption {
	return treeOption(func(c *treeConfig) { c.progress = progress })
}

// CopyTree copies the directory src with all that is in it under the new name dst, whose parent must exist. The name shows its
// old state or the complete copy, never a part of it, unless WithMerge, WithUnstaged or WithTwoRenames is given. Symbolic links below src are
// copied and never followed; hard links stay hard links. Cancelled, the copy is removed, and the error is the context's.
func CopyTree(ctx context.Context, src, dst string, options ...TreeOption) (TreeResult, error) {
	return onTree(ctx, "copytree", src, dst, options, func(how C.struct_goreflink_tree_how, raw *C.struct_reflink_tree_result) (code C.int, err error) {
		err = withNames(src, dst, func(source, target *C.char) {
			code = C.goreflink_copy_tree(source, target, how, raw)
		})
		return code, err
	})
}

// CopyTreeAt does the same with src relative to the open directory srcDir, and dst to dstDir. An absolute name does not look at
// its directory.
func CopyTreeAt(ctx context.Context, srcDir *os.File, src string, dstDir *os.File, dst string, options ...TreeOption) (TreeResult, error) {
	return onTree(ctx, "copytree", src, dst, options, func(how C.struct_goreflink_tree_how, raw *C.struct_reflink_tree_result) (code C.int, err error) {
		err = withNamesAt(srcDir, src, dstDir, dst, func(from C.int, source *C.char, to C.int, target *C.char) {
			code = C.goreflink_copy_tree_at(from, source, to, target, how, raw)
		})
		return code, err
	})
}

// RemoveTree removes the directory with all that is in it. No symbolic link is followed, also not name; nothing that others
// move there meanwhile leads it elsewhere. What is mounted is not entered (EBUSY). After an error what was removed stays
// removed. Of the options WithOnError, WithOnDone and WithTreeProgress are taken.
func RemoveTree(ctx context.Context, name string, options ...TreeOption) (TreeResult, error) {
	return onTree(ctx, "removetree", name, "", options, func(how C.struct_goreflink_tree_how, raw *C.struct_reflink_tree_result) (code C.int, err error) {
		err = withNames(name, "", func(path, _ *C.char) {
			code = C.goreflink_remove_tree(path, how, raw)
		})
		return code, err
	})
}

// RemoveTreeAt does the same with name relative to the open directory dir.
func RemoveTreeAt(ctx context.Context, dir *os.File, name string, options ...TreeOption) (TreeResult, error) {
	return onTree(ctx, "removetree", name, "", options, func(how C.struct_goreflink_tree_how, raw *C.struct_reflink_tree_result) (code C.int, err error) {
		err = withNamesAt(dir, name, dir, "", func(at C.int, path *C.char, _ C.int, _ *C.char) {
			code = C.goreflink_remove_tree_at(at, path, how, raw)
		})
		return code, err
	})
}

// pathRoom is the room for the path of the entry that failed. A longer one is cut.
const pathRoom = 1 << 16

// how turns the options into what C takes. The handle is there until end is called.
func (c *treeConfig) how(t *treeWatcher) (how C.struct_goreflink_tree_how, end func()) {
	wanted := 0
	for function, there := range map[int]bool{
		wantsFilter:   c.filter != nil,
		wantsOnError:  c.onError != nil,
		wantsOnDone:   c.onDone != nil,
		wantsProgress: c.progress != nil,
	} {
		if there {
			wanted |= function
		}
	}
	handle := cgo.NewHandle(t)
	return C.struct_goreflink_tree_how{
		mode:        C.uint32_t(c.mode),
		if_exists:   C.uint32_t(c.ifExists),
		durability:  C.uint32_t(c.durability),
		permissions: C.uint32_t(c.permissions),
		preserve:    C.uint32_t(c.preserve),
		threads:     C.uint32_t(c.threads),
		flags:       C.uint64_t(c.flags),
		wanted:      C.int(wanted),
		watcher:     C.uintptr_t(handle),
		cancel:      t.flag,
	}, handle.Delete
}

type treeCall func(C.struct_goreflink_tree_how, *C.struct_reflink_tree_result) (C.int, error)

func onTree(ctx context.Context, op, src, dst string, options []TreeOption, call treeCall) (TreeResult, error) {
	c := &treeConfig{config: config{ctx: ctx}}
	for _, option := range options {
		option.applyTo(c)
	}
	tree := &treeWatcher{treeConfig: c, op: op, src: src, dst: dst}
	raw := C.struct_reflink_tree_result{size: C.sizeof_struct_reflink_tree_result}
	room := (*C.char)(C.calloc(1, pathRoom))
	defer free(room)
	code, failed, w, err := watched(&c.config, func(w *watcher) (int, Result, error) {
		if c.config.progress != nil {
			return 0, Result{Step: StepArguments}, fmt.Errorf("WithProgress is for files, WithTreeProgress for trees: %w", syscall.EINVAL)
		}
		tree.watcher = w
		how, end := c.how(tree)
		defer end()
		how.failed_path, how.failed_path_size = room, pathRoom
		code, err := call(how, &raw)
		return int(code), Result{
			Step:               Step(raw.step),
			Reason:             Reason(raw.reason),
			CloneError:         syscall.Errno(-raw.clone_error),
			OSError:            syscall.Errno(raw.os_error),
			Published:          raw.flags&C.REFLINK_PUBLISHED != 0,
			DestinationChanged: raw.flags&C.REFLINK_DESTINATION_CHANGED != 0,
			MetadataIncomplete: raw.flags&C.REFLINK_METADATA_INCOMPLETE != 0,
			AtSource:           raw.flags&C.REFLINK_AT_SOURCE != 0,
			AtDestination:      raw.flags&C.REFLINK_AT_DESTINATION != 0,
		}, err
	})
	result := treeResultOf(&raw, C.GoString(room))
	_, err = outcome(op, below(src, result.FailedPath), below(dst, result.FailedPath), code, failed, w, err)
	if err, is := err.(*Error); is {
		result.Step = failed.Step
		err.Tree = &result
	}
	return result, err
}

func below(root, path string) string {
	if root == "" || path == "" {
		return root
	}
	return root + "/" + path
}

func treeResultOf(raw *C.struct_reflink_tree_result, failedPath string) TreeResult {
	result := TreeResult{
		Step:               Step(raw.step),
		OSError:            syscall.Errno(raw.os_error),
		Reason:             Reason(raw.reason),
		CloneError:         syscall.Errno(-raw.clone_error),
		FailedPath:         failedPath,
		Published:          raw.flags&C.REFLINK_PUBLISHED != 0,
		Incomplete:         raw.flags&C.REFLINK_TREE_INCOMPLETE != 0,
		MetadataIncomplete: raw.flags&C.REFLINK_METADATA_INCOMPLETE != 0,
		DestinationChanged: raw.flags&C.REFLINK_DESTINATION_CHANGED != 0,
		AtSource:           raw.flags&C.REFLINK_AT_SOURCE != 0,
		AtDestination:      raw.flags&C.REFLINK_AT_DESTINATION != 0,
		Files:              uint64(raw.files),
		HardLinks:          uint64(raw.hard_links),
		Directories:        uint64(raw.directories),
		Symlinks:           uint64(raw.symlinks),
		Specials:           uint64(raw.specials),
		SpecialsLeftOut:    uint64(raw.specials_left_out),
		MountsLeftEmpty:    uint64(raw.mounts_left_empty),
		EntriesLeftOut:     uint64(raw.entries_left_out),
		EntriesKept:        uint64(raw.entries_kept),
		EntriesFailed:      uint64(raw.entries_failed),
		EntriesVanished:    uint64(raw.entries_vanished),
		EntriesNotReached:  uint64(raw.entries_not_reached),
		FilesCloned:        uint64(raw.files_cloned),
		FilesKernelCopied:  uint64(raw.files_kernel_copied),
		FilesCopied:        uint64(raw.files_copied),
		FilesMixed:         uint64(raw.files_mixed),
		FilesEmpty:         uint64(raw.files_empty),
		FilesChanged:       uint64(raw.files_changed),
		BytesCloned:        uint64(raw.bytes_cloned),
		BytesCopied:        uint64(raw.bytes_copied),
		BytesHole:          uint64(raw.bytes_hole),
	}
	if raw.flags&C.REFLINK_LITTER != 0 {
		result.Litter = C.GoString((*C.char)(unsafe.Pointer(&raw.litter[0])))
	}
	return result
}
