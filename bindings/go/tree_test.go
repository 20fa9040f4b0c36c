// Whole trees, on real file systems.

package reflink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const treeFiles = 200

// plant makes files, links of both kinds, a FIFO and a directory that forbids writing.
func plant(t *testing.T, dir string) string {
	t.Helper()
	root := in(dir, "tree")
	check(t, os.MkdirAll(in(root, "many"), 0o755))
	check(t, os.Mkdir(in(root, "locked"), 0o755))
	for number := 0; number < treeFiles; number++ {
		check(t, os.WriteFile(filepath.Join(root, "many", fmt.Sprint(number)), make([]byte, 2*blockSize), 0o600))
	}
	check(t, os.WriteFile(in(root, "locked/file"), []byte("here"), 0o640))
	check(t, os.Link(in(root, "locked/file"), in(root, "second")))
	check(t, os.Symlink("nowhere", in(root, "link")))
	check(t, syscall.Mkfifo(in(root, "fifo"), 0o600))
	check(t, os.Chmod(in(root, "locked"), 0o555))
	syscall.Sync()
	return root
}

func TestACopiedTreeIsComplete(t *testing.T) {
	on(t, append(cloning, copying...), func(t *testing.T, dir string) {
		root, copied := plant(t, dir), in(dir, "copy")
		result, err := CopyTree(background, root, copied, WithPreserve(Times), WithThreads(2))
		check(t, err)
		if result.Files != treeFiles+1 || result.HardLinks != 1 || result.Directories != 2 || result.Symlinks != 1 ||
			result.Specials != 1 || !result.Published || result.Litter != "" {
			t.Errorf("%+v", result)
		}
		sameContent(t, in(copied, "locked/file"), []byte("here"))
		one, err := os.Stat(in(copied, "locked/file"))
		check(t, err)
		other, err := os.Stat(in(copied, "second"))
		check(t, err)
		if !os.SameFile(one, other) {
			t.Error("the hard link is split")
		}
		link, err := os.Readlink(in(copied, "link"))
		check(t, err)
		locked, err := os.Stat(in(copied, "locked"))
		check(t, err)
		if link != "nowhere" || locked.Mode().Perm() != 0o555 {
			t.Errorf("%s, %v", link, locked.Mode())
		}
		removed, err := RemoveTree(background, copied)
		check(t, err)
		if removed.Files != treeFiles+2 {
			t.Errorf("%+v", removed)
		}
		onlyThese(t, dir, "tree")
	})
}

func TestAClonedTreeIsShared(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		result, err := CopyTree(background, plant(t, dir), in(dir, "copy"), WithMode(Always))
		check(t, err)
		if result.FilesCloned != result.Files || shared(t, in(dir, "copy/many/7")) == 0 {
			t.Errorf("%+v", result)
		}
	})
}

func TestWithoutACloneAlwaysLeavesNothing(t *testing.T) {
	on(t, copying, func(t *testing.T, dir string) {
		root := plant(t, dir)
		skip := WithOnError(func(Entry) error { return nil })
		result, err := CopyTree(background, root, in(dir, "copy"), WithMode(Always), skip)
		var failed *Error
		if !errors.As(err, &failed) || !errors.Is(err, ErrNotCloneable) || failed.Tree.Reason != ReasonUnsupported {
			t.Fatalf("%v", err)
		}
		if result.FailedPath == "" || failed.Src != in(root, result.FailedPath) {
			t.Errorf("%+v", failed)
		}
		onlyThese(t, dir, "tree")
	})
}

func TestFilterAndOnDone(t *testing.T) {
	on(t, copying, func(t *testing.T, dir string) {
		done := map[string]Entry{}
		result, err := CopyTree(background, plant(t, dir), in(dir, "copy"),
			WithFilter(func(entry Entry) (Take, error) {
				var status syscall.Stat_t
				if err := syscall.Fstat(entry.SourceDir, &status); err != nil {
					return 0, err
				}
				switch entry.Name {
				case "many":
					return LeaveOut, nil
				case "locked":
					return TakeEmpty, nil
				}
				return TakeWhole, nil
			}),
			WithOnDone(func(entry Entry) error { done[entry.Path] = entry; return nil }))
		check(t, err)
		onlyThese(t, in(dir, "copy"), "fifo", "link", "locked", "second")
		onlyThese(t, in(dir, "copy/locked"))
		second := done["second"]
		if result.EntriesLeftOut != 1 || len(done) != 4 || second.Kind != EntryFile || second.Length != 4 || second.Depth != 1 {
			t.Errorf("%+v %+v", result, done)
		}
	})
}

func TestAFailedEntryIsSkippedOnlyWhenAskedFor(t *testing.T) {
	on(t, copying, func(t *testing.T, dir string) {
		root, copied := plant(t, dir), in(dir, "copy")
		check(t, os.MkdirAll(in(copied, "many/7"), 0o755))
		var seen Entry
		_, err := CopyTree(background, root, copied, WithMerge(), WithOnError(func(entry Entry) error {
			seen = entry
			return entry.Err
		}))
		var failed *Error
		if !errors.As(seen.Err, &failed) || failed.Dst != in(copied, "many/7") || !errors.Is(err, fs.ErrExist) {
			t.Errorf("%v, %v", seen.Err, err)
		}
		result, err := CopyTree(background, root, copied, WithMerge(), WithOnError(func(Entry) error { return nil }))
		if err != nil || result.EntriesFailed != 1 || !result.Incomplete {
			t.Errorf("%v %+v", err, result)
		}
	})
}

// stopping makes the options that call stop from each of the functions: not at once, so that the library has many entries to
// remove then, and reports progress on that, which must not stop it again.
func stopping(stop func() error) map[string]TreeOption {
	calls := 0
	late := func() error {
		if calls++; calls > treeFiles/2 {
			return stop()
		}
		return nil
	}
	return map[string]TreeOption{
		"filter": WithFilter(func(Entry) (Take, error) { return TakeWhole, late() }),
		"done":   WithOnDone(func(Entry) error { return late() }),
		"progress": WithTreeProgress(func(now TreeProgress) error {
			if now.Phase != PhaseCopy || now.EntriesDone > treeFiles/2 {
				return stop()
			}
			return nil
		}),
	}
}

func TestAContextAloneEndsACopyOfATree(t *testing.T) {
	dir := mounted(t, "tmpfs")
	for at := 0; at < 20_000; at++ {
		if at%1000 == 0 {
			check(t, os.MkdirAll(filepath.Join(dir, "tree", fmt.Sprint(at/1000)), 0o755))
		}
		check(t, os.WriteFile(filepath.Join(dir, "tree", fmt.Sprint(at/1000), fmt.Sprint(at)), nil, 0o600))
	}
	ctx, cancel := context.WithTimeout(background, 10*time.Millisecond) // the copy takes twenty times as long
	defer cancel()
	if _, err := CopyTree(ctx, in(dir, "tree"), in(dir, "copy")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	onlyThese(t, dir, "tree")
}

func TestErrorsPanicsAndContextsLeaveNothing(t *testing.T) {
	on(t, copying, func(t *testing.T, dir string) {
		root := plant(t, dir)
		mine := errors.New("mine")
		for name, option := range stopping(func() error { return mine }) {
			if _, err := CopyTree(background, root, in(dir, "copy"), option); !errors.Is(err, mine) {
				t.Errorf("%s: %v", name, err)
			}
			onlyThese(t, dir, "tree")
		}
		for name, option := range stopping(func() error { panic("panicked") }) {
			func() {
				defer func() {
					if recover() != "panicked" {
						t.Errorf("%s: the panic did not come back", name)
					}
				}()
				CopyTree(background, root, in(dir, "copy"), option)
			}()
			onlyThese(t, dir, "tree")
		}
		for _, name := range []string{"filter", "done", "progress"} {
			ctx, cancel := context.WithCancel(background)
			option := stopping(func() error { cancel(); return nil })[name]
			if _, err := CopyTree(ctx, root, in(dir, "copy"), option); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
			onlyThese(t, dir, "tree")
		}
	})
}

func TestATreeThatCannotBe(t *testing.T) {
	root := plant(t, t.TempDir())
	_, err := CopyTree(background, root, in(root, "many/copy"))
	if !errors.Is(err, ErrIntoItself) {
		t.Error(err)
	}
	if _, err = CopyTree(background, in(root, "second"), root+"2"); !errors.Is(err, syscall.ENOTDIR) {
		t.Error(err)
	}
	if _, err = CopyTree(background, root, "a\x00b"); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if _, err = CopyTree(background, root, root+"2", WithProgress(func(_, _ uint64) error { return nil })); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	_, err = RemoveTree(background, in(root, "link"))
	if !errors.Is(err, syscall.ENOTDIR) || err.Error() != "reflink removetree "+in(root, "link")+": not a directory" {
		t.Error(err)
	}
	onlyThese(t, filepath.Dir(root), "tree")
}

func TestNamesAreRelativeToOpenDirectories(t *testing.T) {
	on(t, append(cloning, copying...), func(t *testing.T, dir string) {
		plant(t, dir)
		check(t, os.Mkdir(in(dir, "into"), 0o700))
		from, err := os.Open(dir)
		check(t, err)
		to, err := os.Open(in(dir, "into"))
		check(t, err)
		result, err := CopyTreeAt(background, from, "tree", to, "copy")
		if err != nil || result.Files != treeFiles+1 {
			t.Fatalf("%v %+v", err, result)
		}
		_, err = CopyFileAt(background, from, "tree/second", to, "file")
		check(t, err)
		onlyThese(t, in(dir, "into"), "copy", "file")
		for _, names := range [][2]string{{"nothing", "x"}, {"tree", "a\x00b"}} {
			if _, err = CopyTreeAt(background, from, names[0], to, names[1]); err == nil {
				t.Error(names)
			}
		}
		removed, err := RemoveTreeAt(background, to, "copy")
		if err != nil || removed.Files != treeFiles+2 {
			t.Errorf("%v %+v", err, removed)
		}
		check(t, to.Close())
		if _, err = CopyTreeAt(background, from, "tree", to, "copy"); !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
		if _, err = RemoveTreeAt(background, nil, "tree"); !errors.Is(err, os.ErrInvalid) {
			t.Error(err)
		}
		onlyThese(t, in(dir, "into"), "file")
		onlyThese(t, dir, "into", "tree")
		if PhaseSync.String() != "sync" || Phase(9).String() != "unknown (9)" {
			t.Error(PhaseSync, Phase(9))
		}
	})
}

func TestUnstaged(t *testing.T) {
	on(t, append(cloning, copying...), func(t *testing.T, dir string) {
		check(t, os.Mkdir(in(dir, "src"), 0o700))
		random(t, in(dir, "src/a"), size)
		staged := func(entry Entry) error {
			if found, err := filepath.Glob(in(dir, ".reflink-*")); err != nil || len(found) > 0 {
				t.Errorf("%v %v", found, err)
			}
			return nil
		}
		_, err := CopyTree(context.Background(), in(dir, "src"), in(dir, "dst"), WithUnstaged(), WithOnDone(staged))
		check(t, err)
		_, err = CopyFile(context.Background(), in(dir, "src/a"), in(dir, "b"), WithUnstaged())
		check(t, err)
		onlyThese(t, dir, "b", "dst", "src")
	})
}
