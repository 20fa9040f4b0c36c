// Progress, contexts, panics and many goroutines.

package reflink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

const large = 100 << 20

// withLarge makes a file that takes several steps to copy.
func withLarge(t *testing.T, test func(t *testing.T, dir string)) {
	on(t, copying, func(t *testing.T, dir string) {
		random(t, in(dir, "a"), large)
		test(t, dir)
	})
}

func TestProgressCountsFrom0ToTheLength(t *testing.T) {
	withLarge(t, func(t *testing.T, dir string) {
		var seen []uint64
		_, err := CopyFile(background, in(dir, "a"), in(dir, "b"), WithProgress(func(done, total uint64) error {
			seen = append(seen, done)
			if total != large {
				return fmt.Errorf("%d in all", total)
			}
			return nil
		}))
		check(t, err)
		if len(seen) < 7 || seen[0] != 0 || seen[len(seen)-1] != large {
			t.Fatalf("%v", seen)
		}
	})
}

func TestWhatProgressReturnsCancels(t *testing.T) {
	stop := errors.New("stop")
	withLarge(t, func(t *testing.T, dir string) {
		for _, at := range []uint64{0, 1, large} {
			result, err := CopyFile(background, in(dir, "a"), in(dir, "b"), WithProgress(func(done, _ uint64) error {
				if done >= at {
					return stop
				}
				return nil
			}))
			if !errors.Is(err, stop) || result.Step != StepProgress {
				t.Fatalf("%v %+v", err, result)
			}
			onlyThese(t, dir, "a")
		}
	})
}

func TestContextCancels(t *testing.T) {
	withLarge(t, func(t *testing.T, dir string) {
		ctx, cancel := context.WithCancel(background)
		calls := 0
		_, err := CopyFile(ctx, in(dir, "a"), in(dir, "b"), WithProgress(func(_, _ uint64) error {
			if calls++; calls == 2 {
				cancel()
			}
			return nil
		}))
		if !errors.Is(err, context.Canceled) || calls != 2 {
			t.Fatalf("%v after %d calls", err, calls)
		}
		onlyThese(t, dir, "a")
		if _, err = CopyFile(ctx, in(dir, "a"), in(dir, "b")); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v", err)
		}
		onlyThese(t, dir, "a")
		src, dst := open(t, in(dir, "a"), os.O_RDONLY), open(t, in(dir, "c"), os.O_RDWR|os.O_CREATE)
		if _, err = CopyRange(dst, src, 0, 0, ToEOF, WithContext(ctx)); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v", err)
		}
		expired, done := context.WithTimeout(background, 3*time.Millisecond)
		defer done()
		_, err = CopyContent(dst, src, WithMode(Never), WithDurable(), WithContext(expired))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v", err)
		}
	})
}

// Without a progress function the library only has the flag to look at.
func TestAContextAloneCancels(t *testing.T) {
	withLarge(t, func(t *testing.T, dir string) {
		for try := 0; ; try++ {
			ctx, cancel := context.WithCancel(background)
			go func() {
				for ctx.Err() == nil {
					if countDescriptorsOf(in(dir, "a")) > 0 { // the copy has begun
						cancel()
					}
				}
			}()
			_, err := CopyFile(ctx, in(dir, "a"), in(dir, "b"), WithMode(Never))
			cancel()
			if errors.Is(err, context.Canceled) {
				break
			}
			check(t, err) // it was done before it was cancelled
			check(t, os.Remove(in(dir, "b")))
			if try == 20 {
				t.Fatal("never cancelled")
			}
		}
		onlyThese(t, dir, "a")
	})
}

func countDescriptorsOf(name string) (count int) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && target == name {
			count++
		}
	}
	return count
}

func TestALargeCloneCanBeCancelled(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		file := open(t, in(dir, "a"), os.O_RDWR|os.O_CREATE)
		check(t, file.Truncate(3<<30))
		ctx, cancel := context.WithCancel(background)
		_, err := CopyFile(ctx, in(dir, "a"), in(dir, "b"), WithProgress(func(done, _ uint64) error {
			if done >= 1<<30 {
				cancel()
			}
			return nil
		}))
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%v", err)
		}
		onlyThese(t, dir, "a")
	})
}

func TestAPanicGoesOnInGoAfterTheCopyIsGone(t *testing.T) {
	withLarge(t, func(t *testing.T, dir string) {
		descriptors := countDescriptors(t)
		func() {
			defer func() {
				if value := recover(); value != "stop" {
					t.Errorf("%v", value)
				}
			}()
			_, _ = CopyFile(background, in(dir, "a"), in(dir, "b"), WithProgress(func(done, _ uint64) error {
				if done > 0 {
					panic("stop")
				}
				return nil
			}))
			t.Error("no panic")
		}()
		onlyThese(t, dir, "a")
		if now := countDescriptors(t); now != descriptors {
			t.Fatalf("%d descriptors, were %d", now, descriptors)
		}
	})
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	return len(entries)
}

func TestManyGoroutines(t *testing.T) {
	on(t, anywhere, func(t *testing.T, dir string) {
		data := random(t, in(dir, "a"), 300_000)
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		var group sync.WaitGroup
		for number := 0; number < 64; number++ {
			name := in(dir, fmt.Sprint("b", number))
			group.Add(1)
			go func() {
				defer group.Done()
				last := uint64(0)
				_, err := CopyFile(ctx, in(dir, "a"), name, WithProgress(func(done, _ uint64) error {
					last = done
					runtime.Gosched()
					return nil
				}))
				if err != nil || last != 300_000 {
					t.Errorf("%v %d", err, last)
				}
			}()
		}
		group.Wait()
		for number := 0; number < 64; number++ {
			sameContent(t, in(dir, fmt.Sprint("b", number)), data)
		}
	})
}

// A file whose Close is called in the middle: the descriptor must not be reused for another file before the copy ends.
func TestClosingMeanwhile(t *testing.T) {
	withLarge(t, func(t *testing.T, dir string) {
		src, dst := open(t, in(dir, "a"), os.O_RDONLY), open(t, in(dir, "b"), os.O_RDWR|os.O_CREATE)
		closing := make(chan error, 2)
		result, err := CopyRange(dst, src, 0, 0, ToEOF, WithProgress(func(done, _ uint64) error {
			if done == 0 {
				go func() { closing <- src.Close() }()
				go func() { closing <- dst.Close() }()
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		}))
		check(t, err)
		if result.Length() != large {
			t.Fatalf("%+v", result)
		}
		check(t, <-closing)
		check(t, <-closing)
		if _, err = CopyRange(dst, src, 0, 0, 1); !errors.Is(err, os.ErrClosed) {
			t.Fatalf("%v", err)
		}
	})
}

// The collector may run while C holds the result's address and the watcher's number.
func TestCollectingMeanwhile(t *testing.T) {
	on(t, copying, func(t *testing.T, dir string) {
		random(t, in(dir, "a"), 40<<20)
		result, err := CopyFile(background, in(dir, "a"), in(dir, "b"), WithMode(Never), WithProgress(
			func(_, _ uint64) error {
				runtime.GC()
				return nil
			}))
		check(t, err)
		if result.BytesCopied != 40<<20 || result.CloneError != syscall.Errno(0) {
			t.Fatalf("%+v", result)
		}
	})
}
