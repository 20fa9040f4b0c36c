// Errors: the library's codes as what errors.Is and errors.As understand.

package reflink

import (
	"errors"
	"fmt"
	"syscall"
)

// The library's own errors, for errors.Is. Those of the system are syscall.Errno, so that errors.Is(err, fs.ErrExist)
// and its like work.
var (
	// ErrNotCloneable: Always was asked for, and no clone is possible. Nothing was changed. Result.Reason of the
	// *Error says why.
	ErrNotCloneable = errors.New("not cloneable")

	// make header: go-errors REFLINK_ERR_*
	// ErrPanic: Internal error: a bug in this library.
	ErrPanic = errors.New("internal error in libreflink")

	// ErrNotRegular: A FIFO, a socket or a device where a regular file is needed.
	ErrNotRegular = errors.New("not a regular file")

	// ErrSameFile: Source and destination are the same file.
	ErrSameFile = errors.New("source and destination are the same file")

	// ErrOverlap: Both ranges are in one file, and they overlap.
	ErrOverlap = errors.New("the ranges overlap")

	// ErrAppend: The destination is open with O_APPEND, so the system would write everything at its end.
	ErrAppend = errors.New("the destination is open for appending")

	// ErrInconsistent: The system's answers contradict each other.
	ErrInconsistent = errors.New("the file system's answers contradict each other")

	// ErrIntoItself: Of trees: the destination is inside the source, or what would be replaced is the source or contains it.
	ErrIntoItself = errors.New("one directory is inside the other")

	// ErrNameClash: Of trees: two names of a directory are one name on the destination, which does not tell upper and lower case, or forms of a letter, apart.
	ErrNameClash = errors.New("two names are one name on the destination")
	// make header: end
)

const codeCanceled = -int(syscall.ECANCELED)

var own = map[int]error{
	// make header: go-codes REFLINK_ERR_*
	-4097: ErrPanic,
	-4098: ErrNotRegular,
	-4099: ErrSameFile,
	-4100: ErrOverlap,
	-4101: ErrAppend,
	-4102: ErrInconsistent,
	-4103: ErrIntoItself,
	-4104: ErrNameClash,
	// make header: end
}

// Error is what every function of this package returns when it fails.
type Error struct {
	// Op is the function: "copyfile", "copytree" and so on.
	Op string
	// Src and Dst are the names given, or those of the files.
	Src, Dst string
	// Code is what the library returned, 0 if the call ended before the library was called.
	Code int
	// Result is the library's report: the step that failed, how far it got, why no clone was possible.
	Result Result
	// Tree is the library's report on a tree, nil for all other functions.
	Tree *TreeResult

	cause error
}

// Error says what failed, with the name of the file that the failing call was made on, or both.
func (e *Error) Error() string {
	names := e.Src + " -> " + e.Dst
	switch {
	case e.Result.AtSource, e.Dst == "": // a removal has one name
		names = e.Src
	case e.Result.AtDestination:
		names = e.Dst
	}
	return fmt.Sprintf("reflink %s %s: %v", e.Op, names, e.cause)
}

// Unwrap gives the syscall.Errno, one of the errors above, the context's error, or the progress function's.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, ErrNotCloneable) true beside the errno, and the errno beside the library's own errors.
func (e *Error) Is(target error) bool {
	if target == ErrNotCloneable {
		return cloneRefused(e.Code, &e.Result)
	}
	return e.Code < 0 && target == errnoOf(e.Code)
}

func causeOf(code int) error {
	if err, found := own[code]; found {
		return err
	}
	if code > -4096 {
		return errnoOf(code)
	}
	return errors.New(message(code)) // of a library newer than this package
}
