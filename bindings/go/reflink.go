// The functions and their options.

package reflink

import (
	"context"
	"os"
	"syscall"
)

// Mode is whether to clone.
type Mode uint32

// Modes.
const (
	Auto   Mode = numberAuto   // clone, else copy: the default
	Always Mode = numberAlways // clone, or fail with ErrNotCloneable and change nothing
	Never  Mode = numberNever  // a true second copy, which shares nothing
)

// Permissions is which permission bits a new file gets.
type Permissions uint32

// Permissions of a new file. No umask is ever read or changed: the system applies it when the file is made.
const (
	PermissionsSource Permissions = numberPermissionsSource // the source's, whatever the umask: the default
	PermissionsUmask  Permissions = numberPermissionsUmask  // the source's without those of the umask, as cp
	PermissionsNew    Permissions = numberPermissionsNew    // 0666 without those of the umask, as os.Create
)

// Metadata is what to preserve besides the permission bits.
type Metadata uint32

// Metadata to preserve; they can be or-ed.
const (
	Times  Metadata = numberTimes
	Owner  Metadata = numberOwner
	Xattrs Metadata = numberXattrs
	ACL    Metadata = numberAcl
)

// The numbers of the options and of flags in results, as C has them.
const (
	// make header: go-values options.mode options.if_exists options.durability options.permissions options.preserve options.flags dedupe_options.flags result.flags REFLINK_TO_EOF
	numberAuto               = 0
	numberAlways             = 0x1
	numberNever              = 0x2
	numberFail               = 0
	numberReplace            = 0x10
	numberOverwrite          = 0x20
	numberAtomic             = 0
	numberDurable            = 0x100
	numberUnstaged           = 0x200
	numberPermissionsSource  = 0
	numberPermissionsUmask   = 0x1000
	numberPermissionsNew     = 0x2000
	numberTimes              = 0x10000
	numberOwner              = 0x20000
	numberXattrs             = 0x40000
	numberAcl                = 0x80000
	numberNofollow           = 0x100000000
	numberBestEffortMetadata = 0x200000000
	numberShareOnly          = 0x400000000
	numberFollowDestination  = 0x800000000
	numberDedupeContinue     = 0x100000000000000
	numberDedupeNoLook       = 0x200000000000000
	numberDedupeVerify       = 0x400000000000000
	numberSourceChanged      = 0x1
	numberMetadataIncomplete = 0x2
	numberPublished          = 0x4
	numberDestinationChanged = 0x8
	numberLitter             = 0x20
	numberAtSource           = 0x100
	numberAtDestination      = 0x200
	numberToEof              = 0x7fffffffffffffff
	// make header: end
)

// ToEOF as a length is the rest of the source.
const ToEOF = -1

type config struct {
	ctx         context.Context
	mode        Mode
	ifExists    uint32
	durability  uint32
	permissions Permissions
	preserve    Metadata
	flags       uint64
	progress    func(done, total uint64) error
}

// Option says how to copy.
type Option func(*config)

// WithMode sets whether to clone.
func WithMode(mode Mode) Option { return func(c *config) { c.mode = mode } }

// WithReplace replaces an existing file or symbolic link in one step, where CopyFile would fail with fs.ErrExist.
func WithReplace() Option { return func(c *config) { c.ifExists = numberReplace } }

// WithOverwrite writes into the regular file that is there, as cp does: it keeps its inode, mode, owner and hard links. It is
// not atomic: a failure can leave a part of both (Result.DestinationChanged). A symbolic link there is an error (ELOOP). Where
// nothing is there, a new file is made.
func WithOverwrite() Option { return func(c *config) { c.ifExists = numberOverwrite } }

// WithFollowDestination lets WithOverwrite write into the file that a symbolic link leads to.
func WithFollowDestination() Option { return func(c *config) { c.flags |= numberFollowDestination } }

// WithPermissions sets which permission bits a new file gets.
func WithPermissions(which Permissions) Option { return func(c *config) { c.permissions = which } }

// WithShareOnly has CopyRange share the whole blocks that both files' block boundaries allow, and write nothing else.
// Result.CloneOffset and BytesCloned say what is shared at least.
func WithShareOnly() Option { return func(c *config) { c.flags |= numberShareOnly } }

// WithDurable returns only when the copy, and its name, are on the device.
func WithDurable() Option { return func(c *config) { c.durability = numberDurable } }

// WithUnstaged builds the copy under its own name, for callers that own the directory: a failure removes it, a kill can leave a
// part. For CopyTree also where a directory cannot be renamed. An existing file is still replaced in one step.
func WithUnstaged() Option { return func(c *config) { c.durability = numberUnstaged } }

// WithPreserve preserves metadata besides the permission bits.
func WithPreserve(what Metadata) Option { return func(c *config) { c.preserve |= what } }

// WithNoFollow makes a symbolic link as the source an error (ELOOP). One as the destination is
// followed only with WithFollowDestination.
func WithNoFollow() Option { return func(c *config) { c.flags |= numberNofollow } }

// WithBestEffortMetadata does not fail where the file system cannot hold the metadata; the result says so.
func WithBestEffortMetadata() Option { return func(c *config) { c.flags |= numberBestEffortMetadata } }

// WithProgress has progress called with the bytes done and the bytes in all, every 16 MiB copied or 1 GiB cloned, on
// the goroutine that copies. An error cancels the copy and is what it fails with; a panic is passed on. With it, a
// clone of more than 1 GiB is not of one instant. It must not call runtime.Goexit (nor t.FailNow of a test).
func WithProgress(progress func(done, total uint64) error) Option {
	return func(c *config) { c.progress = progress }
}

// WithContext gives CopyContent and CopyRange a context.
func WithContext(ctx context.Context) Option { return func(c *config) { c.ctx = ctx } }

func configured(ctx context.Context, options []Option) *config {
	c := &config{ctx: ctx}
	for _, option := range options {
		option(c)
	}
	return c
}

// CopyFile copies the file src under the new name dst, sharing its blocks where the file system can.
//
// The copy can be cancelled wherever a progress function would be called, so that a context that can be cancelled means
// steps of at most 1 GiB for a clone too. Cancelled, the copy is gone, and the error is the context's.
func CopyFile(ctx context.Context, src, dst string, options ...Option) (Result, error) {
	c := configured(ctx, options)
	code, result, w, err := watched(c, func(w *watcher) (int, Result, error) {
		return nativeCopyFile(src, dst, c, w)
	})
	return outcome("copyfile", src, dst, code, result, w, err)
}

// CopyFileAt does the same with src relative to the open directory srcDir, and dst to dstDir. An absolute name does not look at
// its directory.
func CopyFileAt(ctx context.Context, srcDir *os.File, src string, dstDir *os.File, dst string, options ...Option) (Result, error) {
	c := configured(ctx, options)
	code, result, w, err := watched(c, func(w *watcher) (int, Result, error) {
		return nativeCopyFileAt(srcDir, src, dstDir, dst, c, w)
	})
	return outcome("copyfile", src, dst, code, result, w, err)
}

// CopyContent replaces the whole content of the open file dst by that of src: the data, then the size. It ignores the
// positions of both, and cuts dst to the size of src; to copy at a position use CopyRange, and io.Copy for pipes. Positions
// and permission bits stay as they are. An error in the middle leaves dst partly written.
func CopyContent(dst, src *os.File, options ...Option) (Result, error) {
	c := configured(context.Background(), options)
	code, result, w, err := watched(c, func(w *watcher) (int, Result, error) {
		return nativeCopyContent(src, dst, c, w)
	})
	return outcome("copycontent", nameOf(src), nameOf(dst), code, result, w, err)
}

// CopyRange copies length bytes (ToEOF: all the rest) from one open file into another, sharing the blocks that lie
// whole in it. Any offsets will do: where both are at the same place within a block, only the edges are copied. It
// stops at the end of src; Result.Length says how much was done. Positions stay as they are.
//
// With Always the range must fall on whole blocks or end at the end of both files; else it is ErrNotCloneable, and
// nothing is written.
func CopyRange(dst, src *os.File, dstOffset, srcOffset, length int64, options ...Option) (Result, error) {
	c := configured(context.Background(), options)
	at := span{uint64(srcOffset), uint64(dstOffset), uint64(length)}
	if length == ToEOF {
		at.length = numberToEof
	}
	code, result, w, err := watched(c, func(w *watcher) (int, Result, error) {
		if srcOffset < 0 || dstOffset < 0 || length < ToEOF {
			return 0, Result{Step: StepArguments}, syscall.EINVAL
		}
		return nativeCopyRange(src, dst, at, c, w)
	})
	return outcome("copyrange", nameOf(src), nameOf(dst), code, result, w, err)
}

func nameOf(file *os.File) string {
	if file == nil {
		return ""
	}
	return file.Name()
}

// outcome makes the error, where there is one: what failed before the library was called, what the caller's own
// functions said, or the library's code.
func outcome(op, src, dst string, code int, result Result, w *watcher, err error) (Result, error) {
	failed := &Error{Op: op, Src: src, Dst: dst, Code: code, Result: result}
	switch {
	case err != nil:
		failed.cause = err
	case code == 0:
		return result, nil
	case w.err != nil:
		failed.cause = w.err
	default:
		failed.cause = causeOf(code)
	}
	return result, failed
}

// Probe finds out, by trying it, whether files inside the directory can be cloned. Nothing is ever visible there, and
// nothing is left.
func Probe(dir string) (Capability, error) { return probe("", dir, false) }

// ProbeFrom finds out whether files can be cloned from src, a file or a directory, into the directory dir.
func ProbeFrom(src, dir string) (Capability, error) { return probe(src, dir, true) }

func probe(src, dir string, hasSource bool) (Capability, error) {
	code, found, err := nativeProbe(src, dir, hasSource)
	if err == nil && code < 0 {
		err = causeOf(code)
	}
	if err != nil {
		return Capability{Clone: Unknown}, &Error{Op: "probe", Src: src, Dst: dir, Code: code, cause: err}
	}
	return found, nil
}
