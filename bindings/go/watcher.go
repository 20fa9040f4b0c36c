// What happens when the library calls back: the context is asked, then the caller's progress function.

package reflink

// #include <stdint.h>
import "C"

import (
	"context"
	"runtime/cgo"
)

// watcher is handed to C as the number of a cgo.Handle, and lives as long as the call.
type watcher struct {
	ctx      context.Context
	progress func(done, total uint64) error
	err      error
	panicked bool
	value    any
}

// step says whether to stop. A panic must not cross the library's frames, which would not be cleaned up: it stops the
// copy, and goes on in again.
func (w *watcher) step(done, total uint64) (stop bool) {
	returned := false
	defer func() {
		if !returned {
			w.panicked, w.value, stop = true, recover(), true
		}
	}()
	w.err = w.ctx.Err()
	if w.err == nil && w.progress != nil {
		w.err = w.progress(done, total)
	}
	returned = true
	return w.err != nil
}

func (w *watcher) again() {
	if w.panicked {
		panic(w.value)
	}
}

// watched runs call with a handle to a watcher, where there is something to watch: without one, a clone is a single
// call, of one instant of the source.
func watched(c *config, call func(cgo.Handle) (int, Result, error)) (int, Result, *watcher, error) {
	w := &watcher{ctx: c.ctx, progress: c.progress}
	if err := c.ctx.Err(); err != nil {
		w.err = err
		return codeCanceled, Result{Step: StepProgress}, w, nil
	}
	if c.progress == nil && c.ctx.Done() == nil {
		code, result, err := call(0)
		return code, result, w, err
	}
	handle := cgo.NewHandle(w)
	defer handle.Delete()
	code, result, err := call(handle)
	w.again()
	return code, result, w, err
}

//export goreflinkProgress
func goreflinkProgress(number C.uintptr_t, done, total C.uint64_t) C.int {
	if cgo.Handle(number).Value().(*watcher).step(uint64(done), uint64(total)) {
		return 1
	}
	return 0
}
