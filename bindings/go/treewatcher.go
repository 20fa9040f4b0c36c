// The caller's functions of a tree, as the library calls them.

package reflink

// #include <libreflink.h>
import "C"

import (
	"runtime/cgo"
	"syscall"
)

// What of the functions is wanted: GOREFLINK_* of tree.go.
const (
	wantsFilter   = 1
	wantsOnError  = 2
	wantsOnDone   = 4
	wantsProgress = 8
)

// treeWatcher is handed to C as the number of a cgo.Handle, and lives as long as the call.
type treeWatcher struct {
	*watcher
	*treeConfig
	op, src, dst string
}

// entry calls a function of the caller's, and gives its answer to C: stop where it has failed.
func (t *treeWatcher) entry(function int, raw *C.struct_reflink_tree_entry) C.int {
	entry := entryOf(raw)
	var take Take
	var answer func() error
	stop := C.int(1)
	switch function {
	case wantsFilter:
		answer = func() (err error) { take, err = t.filter(entry); return err }
		stop = -C.int(syscall.ECANCELED)
	case wantsOnError:
		entry.Err = t.failed(raw, entry.Path)
		answer = func() error { return t.onError(entry) }
		take, stop = numberSkip, numberStop
	default:
		answer = func() error { return t.onDone(entry) }
	}
	if t.run(answer) {
		return stop
	}
	return C.int(take)
}

// step reports progress. Once the call is stopped, the caller is left alone while the library cleans up.
func (t *treeWatcher) step(now TreeProgress) C.int {
	if now.Phase == PhaseCleanup && (t.panicked || t.err != nil || t.watcher.ctx.Err() != nil) {
		return 0
	}
	if t.run(func() error { return t.treeConfig.progress(now) }) {
		return 1
	}
	return 0
}

func (t *treeWatcher) failed(raw *C.struct_reflink_tree_entry, path string) error {
	return &Error{
		Op:   t.op,
		Src:  below(t.src, path),
		Dst:  below(t.dst, path),
		Code: int(raw.code),
		Result: Result{
			Step:          Step(raw.step),
			OSError:       syscall.Errno(raw.os_error),
			AtSource:      raw.flags&C.REFLINK_AT_SOURCE != 0,
			AtDestination: raw.flags&C.REFLINK_AT_DESTINATION != 0,
		},
		cause: causeOf(int(raw.code)),
	}
}

func entryOf(raw *C.struct_reflink_tree_entry) Entry {
	return Entry{
		Kind:               EntryKind(raw.kind),
		Path:               C.GoString(raw.path),
		Name:               C.GoString(raw.name),
		Depth:              int(raw.depth),
		SourceDir:          int(raw.source_dir),
		Method:             Method(raw.method),
		Length:             uint64(raw.bytes),
		SourceChanged:      raw.flags&C.REFLINK_SOURCE_CHANGED != 0,
		MetadataIncomplete: raw.flags&C.REFLINK_METADATA_INCOMPLETE != 0,
	}
}

//export goreflinkTreeEntry
func goreflinkTreeEntry(number C.uintptr_t, function C.int, entry *C.struct_reflink_tree_entry) C.int {
	return cgo.Handle(number).Value().(*treeWatcher).entry(int(function), entry)
}

//export goreflinkTreeProgress
func goreflinkTreeProgress(number C.uintptr_t, now *C.struct_reflink_tree_progress) C.int {
	return cgo.Handle(number).Value().(*treeWatcher).step(TreeProgress{
		Phase:           Phase(now.phase),
		EntriesDone:     uint64(now.entries_done),
		EntriesSeen:     uint64(now.entries_seen),
		BytesDone:       uint64(now.bytes_done),
		DirectoriesOpen: uint64(now.directories_open),
	})
}
