// What is shared, as the library reports it, against what was done.

package reflink

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func opened(t *testing.T, name string) *os.File {
	t.Helper()
	file, err := os.Open(name)
	check(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

// twice makes a file of 64 KiB, and a copy of it.
func twice(t *testing.T, dir string, mode Mode) (*os.File, *os.File) {
	t.Helper()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	random(t, from, 16*blockSize)
	_, err := CopyFile(context.Background(), from, to, WithMode(mode))
	check(t, err)
	return opened(t, from), opened(t, to)
}

func TestACloneIsSharedAndACopyIsNot(t *testing.T) {
	for mode, verdict := range map[Mode]Verdict{Always: SharedAll, Never: SharedNone} {
		on(t, cloning, func(t *testing.T, dir string) {
			a, b := twice(t, dir, mode)
			found, err := Shared(a, b, 0, 0, ToEOF, 0)
			check(t, err)
			if found.Verdict != verdict || found.Reported != SharingKnown || found.Length != 16*blockSize {
				t.Errorf("%+v", found)
			}
			sums, err := Extents(b, 0, ToEOF, 0, nil)
			check(t, err)
			if (sums.BytesShared == sums.Length) != (mode == Always) || sums.BytesExclusive+sums.BytesShared != sums.Length {
				t.Errorf("%+v", sums)
			}
		})
	}
}

func TestEachExtentIsGivenOut(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		a, _ := twice(t, dir, Always)
		check(t, os.Truncate(a.Name(), 32*blockSize))
		var seen []Extent
		sums, err := Extents(a, 0, ToEOF, 0, func(extent Extent) error {
			seen = append(seen, extent)
			return nil
		})
		check(t, err)
		last := seen[len(seen)-1]
		if last.Kind != ExtentHole || !seen[0].Shared || !seen[0].HasPlace || sums.BytesHole != last.Length {
			t.Errorf("%+v of %+v", seen, sums)
		}
	})
}

func TestTheCallersErrorAndPanicEndTheCall(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		a, _ := twice(t, dir, Always)
		stop := errors.New("stop")
		if _, err := Extents(a, 0, ToEOF, 0, func(Extent) error { return stop }); !errors.Is(err, stop) {
			t.Error(err)
		}
		defer func() {
			if recover() != "panicked" {
				t.Error("the panic did not come back")
			}
		}()
		Extents(a, 0, ToEOF, 0, func(Extent) error { panic("panicked") })
	})
}

func TestNobodySaysIsAnAnswer(t *testing.T) {
	a, b := twice(t, mounted(t, "tmpfs"), Auto)
	sums, err := Extents(a, 0, ToEOF, NoFlush, nil)
	check(t, err)
	found, err := Shared(a, b, 0, 0, ToEOF, NoFlush)
	check(t, err)
	if sums.Reported != SharingUnknown || sums.OSError != syscall.EOPNOTSUPP || found.Verdict != SharedUnknown {
		t.Errorf("%+v, %+v", sums, found)
	}
}

func TestALookThatCannotBe(t *testing.T) {
	dir := opened(t, t.TempDir())
	if _, err := Extents(dir, 0, ToEOF, 0, nil); !errors.Is(err, syscall.EISDIR) {
		t.Error(err)
	}
	if _, err := Shared(dir, dir, -1, 0, 1, 0); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if _, err := Extents(dir, 0, 1, 1, nil); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	dir.Close()
	if _, err := Extents(dir, 0, ToEOF, 0, nil); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}
