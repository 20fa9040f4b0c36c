// What stops a copy: the context, through a flag that the library looks at, and the caller's progress function.

package reflink

// #include <stdint.h>
// #include <stdlib.h>
import "C"

import (
	"context"
	"runtime/cgo"
	"sync/atomic"
	"unsafe"
)

// watcher is handed to C as the number of a cgo.Handle, and lives as long as the call.
type watcher struct {
	ctx      context.Context
	progress func(done, total uint64) error
	handle   cgo.Handle // 0: there is no progress function
	flag     *C.int     // nil: the context cannot be cancelled
	err      error
	panicked bool
	value    any
}

// run calls a function of the caller's, and says whether to stop. A panic must not cross the library's frames, which would
// not be cleaned up: it stops the copy, and goes on in again.
func (w *watcher) run(function func() error) (stop bool) {
	returned := false
	defer func() {
		if !returned {
			w.panicked, w.value, stop = true, recover(), true
		}
	}()
	w.err = w.ctx.Err()
	if w.err == nil {
		w.err = function()
	}
	returned = true
	return w.err != nil
}

func (w *watcher) again() {
	if w.panicked {
		panic(w.value)
	}
}

// follow sets the flag once the context is cancelled, until the function that it returns is called. The flag is C's
// memory: the library reads it while Go's collector runs.
func (w *watcher) follow() (end func()) {
	if w.ctx.Done() == nil {
		return func() {}
	}
	w.flag = (*C.int)(C.calloc(1, C.sizeof_int))
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-w.ctx.Done():
			atomic.StoreInt32((*int32)(unsafe.Pointer(w.flag)), 1)
		case <-over:
		}
	}()
	return func() {
		close(over)
		<-ended
		C.free(unsafe.Pointer(w.flag))
	}
}

// watched runs call with a watcher. Where there is nothing to watch, a clone is a single call, of one instant of the
// source.
func watched(c *config, call func(*watcher) (int, Result, error)) (int, Result, *watcher, error) {
	w := &watcher{ctx: c.ctx, progress: c.progress}
	if err := c.ctx.Err(); err != nil {
		w.err = err
		return codeCanceled, Result{Step: StepProgress}, w, nil
	}
	if c.progress != nil {
		w.handle = cgo.NewHandle(w)
		defer w.handle.Delete()
	}
	end := w.follow()
	code, result, err := call(w)
	end()
	w.again()
	if code == codeCanceled && w.err == nil {
		w.err = c.ctx.Err()
	}
	return code, result, w, err
}

//export goreflinkProgress
func goreflinkProgress(number C.uintptr_t, done, total C.uint64_t) C.int {
	w := cgo.Handle(number).Value().(*watcher)
	if w.run(func() error { return w.progress(uint64(done), uint64(total)) }) {
		return 1
	}
	return 0
}
