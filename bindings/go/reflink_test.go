// What is shared, what is promised of the name, and how it fails.

package reflink

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var (
	background = context.Background()
	anywhere   = append(append([]string{}, cloning...), copying...)
)

const size = 1_000_000 // not a whole number of blocks

func in(dir, name string) string { return filepath.Join(dir, name) }

func TestClonesWhereTheFileSystemCan(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		data := random(t, in(dir, "a"), size)
		result, err := CopyFile(background, in(dir, "a"), in(dir, "b"))
		check(t, err)
		want := Result{Method: MethodClone, BytesCloned: size, Published: true}
		if result != want {
			t.Fatalf("%+v", result)
		}
		sameContent(t, in(dir, "b"), data)
		if shared(t, in(dir, "b")) < size {
			t.Fatal("not shared")
		}
	})
}

func TestCopiesWhereItCannot(t *testing.T) {
	on(t, copying, func(t *testing.T, dir string) {
		data := random(t, in(dir, "a"), size)
		result, err := CopyFile(background, in(dir, "a"), in(dir, "b"))
		check(t, err)
		if result.BytesCopied != size || result.Reason != ReasonUnsupported || result.CloneError != syscall.EOPNOTSUPP {
			t.Fatalf("%+v", result)
		}
		sameContent(t, in(dir, "b"), data)
	})
}

func TestNeverSharesNothing(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		random(t, in(dir, "a"), size)
		result, err := CopyFile(background, in(dir, "a"), in(dir, "b"), WithMode(Never))
		check(t, err)
		if result.Method != MethodCopy || result.Reason != ReasonNotAsked || shared(t, in(dir, "b")) != 0 {
			t.Fatalf("%+v", result)
		}
	})
}

func TestAlwaysSaysWhyNot(t *testing.T) {
	on(t, copying, func(t *testing.T, dir string) {
		random(t, in(dir, "a"), size)
		check(t, os.WriteFile(in(dir, "b"), []byte("old"), 0o600))
		_, err := CopyFile(background, in(dir, "a"), in(dir, "b"), WithMode(Always), WithReplace())
		var failed *Error
		if !errors.Is(err, ErrNotCloneable) || !errors.As(err, &failed) || failed.Result.Reason != ReasonUnsupported {
			t.Fatalf("%v", err)
		}
		if !errors.Is(err, syscall.EOPNOTSUPP) {
			t.Fatalf("%v", err)
		}
		sameContent(t, in(dir, "b"), []byte("old"))
	})
	t.Run("pair", func(t *testing.T) {
		one, other := mounted(t, "xfs"), mounted(t, "xfs2")
		random(t, in(one, "a"), size)
		_, err := CopyFile(background, in(one, "a"), in(other, "b"), WithMode(Always))
		if !errors.Is(err, ErrNotCloneable) || !errors.Is(err, syscall.EXDEV) {
			t.Fatalf("%v", err)
		}
		onlyThese(t, other)
	})
}

func TestAnExistingName(t *testing.T) {
	on(t, anywhere, func(t *testing.T, dir string) {
		data := random(t, in(dir, "a"), size)
		check(t, os.WriteFile(in(dir, "b"), []byte("old"), 0o600))
		check(t, os.Link(in(dir, "b"), in(dir, "other")))
		_, err := CopyFile(background, in(dir, "a"), in(dir, "b"))
		if !errors.Is(err, fs.ErrExist) || !errors.Is(err, syscall.EEXIST) || errors.Is(err, ErrNotCloneable) {
			t.Fatalf("%v", err)
		}
		if want := "reflink copyfile " + in(dir, "b") + ": file exists"; err.Error() != want {
			t.Fatalf("%v", err)
		}
		_, err = CopyFile(background, in(dir, "a"), in(dir, "b"), WithReplace(), WithDurable())
		check(t, err)
		sameContent(t, in(dir, "b"), data)
		sameContent(t, in(dir, "other"), []byte("old"))
	})
}

func TestErrors(t *testing.T) {
	on(t, anywhere, func(t *testing.T, dir string) {
		random(t, in(dir, "a"), 10)
		check(t, os.Symlink("a", in(dir, "link")))
		check(t, syscall.Mkfifo(in(dir, "pipe"), 0o600))
		cases := []struct {
			src, dst string
			options  []Option
			want     error
		}{
			{"missing", "b", nil, fs.ErrNotExist},
			{"a", "no/such", nil, fs.ErrNotExist},
			{".", "b", nil, syscall.EISDIR},
			{"pipe", "b", nil, ErrNotRegular},
			{"a", "a", []Option{WithReplace()}, ErrSameFile},
			{"link", "b", []Option{WithNoFollow()}, syscall.ELOOP},
			{"a", "b", []Option{WithMode(9)}, syscall.EINVAL},
			{"a", "b\x00c", nil, syscall.EINVAL},
			{"a\x00c", "b", nil, syscall.EINVAL},
		}
		for _, c := range cases {
			if _, err := CopyFile(background, in(dir, c.src), in(dir, c.dst), c.options...); !errors.Is(err, c.want) {
				t.Errorf("%q -> %q: %v, want %v", c.src, c.dst, err, c.want)
			}
		}
		onlyThese(t, dir, "a", "link", "pipe")
	})
}

func TestMetadata(t *testing.T) {
	dir := mounted(t, "xfs")
	random(t, in(dir, "a"), 10)
	check(t, syscall.Setxattr(in(dir, "a"), "user.note", []byte("kept"), 0))
	check(t, os.Chown(in(dir, "a"), 12, 34))
	check(t, os.Chmod(in(dir, "a"), 0o751|os.ModeSetuid))
	before, err := os.Stat(in(dir, "a"))
	check(t, err)
	_, err = CopyFile(background, in(dir, "a"), in(dir, "b"), WithPreserve(Times|Owner), WithPreserve(Xattrs|ACL))
	check(t, err)
	after, err := os.Stat(in(dir, "b"))
	check(t, err)
	if after.Mode() != before.Mode() || after.ModTime() != before.ModTime() || after.Sys().(*syscall.Stat_t).Uid != 12 {
		t.Fatalf("%v, want %v", after, before)
	}
	value := make([]byte, 10)
	n, err := syscall.Getxattr(in(dir, "b"), "user.note", value)
	check(t, err)
	if string(value[:n]) != "kept" {
		t.Fatalf("%q", value[:n])
	}
}

func open(t *testing.T, name string, flag int) *os.File {
	t.Helper()
	file, err := os.OpenFile(name, flag, 0o600)
	check(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestRangesShareTheBlocksInside(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		data := random(t, in(dir, "a"), 40*blockSize)
		before := random(t, in(dir, "b"), 40*blockSize)
		src, dst := open(t, in(dir, "a"), os.O_RDONLY), open(t, in(dir, "b"), os.O_RDWR)
		start := 8*blockSize + 100
		result, err := CopyRange(dst, src, int64(start), 100, 20*blockSize)
		check(t, err)
		if result.Method != MethodMixed || result.BytesCloned != 19*blockSize || result.Length() != 20*blockSize {
			t.Fatalf("%+v", result)
		}
		end := start + 20*blockSize
		want := string(before[:start]) + string(data[100:100+20*blockSize]) + string(before[end:])
		sameContent(t, in(dir, "b"), []byte(want))
		if shared(t, in(dir, "b")) != 19*blockSize {
			t.Fatalf("%d bytes shared", shared(t, in(dir, "b")))
		}
		if _, err := CopyRange(dst, src, 1, 1, blockSize, WithMode(Always)); !errors.Is(err, ErrNotCloneable) {
			t.Fatalf("%v", err)
		}
	})
}

func TestRangesToTheEnd(t *testing.T) {
	on(t, anywhere, func(t *testing.T, dir string) {
		data := random(t, in(dir, "a"), 10_000)
		src, dst := open(t, in(dir, "a"), os.O_RDONLY), open(t, in(dir, "b"), os.O_RDWR|os.O_CREATE)
		result, err := CopyRange(dst, src, 0, blockSize, ToEOF, WithContext(background))
		check(t, err)
		if result.Length() != 10_000-blockSize {
			t.Fatalf("%+v", result)
		}
		sameContent(t, in(dir, "b"), data[blockSize:])
		result, err = CopyRange(dst, src, 0, 9_000, 1<<40)
		check(t, err)
		if result.Length() != 1_000 {
			t.Fatalf("%+v", result)
		}
		_, err = CopyContent(dst, src)
		check(t, err)
		sameContent(t, in(dir, "b"), data)
	})
}

func TestRangesThatCannotBe(t *testing.T) {
	on(t, anywhere, func(t *testing.T, dir string) {
		random(t, in(dir, "a"), 10_000)
		both := open(t, in(dir, "a"), os.O_RDWR)
		appending := open(t, in(dir, "b"), os.O_WRONLY|os.O_CREATE|os.O_APPEND)
		closed := open(t, in(dir, "a"), os.O_RDONLY)
		check(t, closed.Close())
		cases := []struct {
			dst, src *os.File
			at       [3]int64
			want     error
		}{
			{appending, both, [3]int64{0, 0, 10}, ErrAppend},
			{both, both, [3]int64{5, 0, 10}, ErrOverlap},
			{both, appending, [3]int64{0, 0, 10}, syscall.EBADF},
			{both, closed, [3]int64{0, 0, 10}, fs.ErrClosed},
			{closed, both, [3]int64{0, 0, 10}, fs.ErrClosed},
			{both, both, [3]int64{-1, 0, 10}, fs.ErrInvalid},
			{both, both, [3]int64{0, -1, 10}, fs.ErrInvalid},
			{both, both, [3]int64{0, 0, -2}, fs.ErrInvalid},
		}
		for number, c := range cases {
			_, err := CopyRange(c.dst, c.src, c.at[0], c.at[1], c.at[2])
			invalid := c.want == fs.ErrInvalid && errors.Is(err, syscall.EINVAL)
			if !errors.Is(err, c.want) && !invalid {
				t.Errorf("%d: %v, want %v", number, err, c.want)
			}
		}
		if _, err := CopyContent(both, both); !errors.Is(err, ErrSameFile) {
			t.Errorf("%v", err)
		}
		if _, err := CopyRange(nil, both, 0, 0, 1); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%v", err)
		}
	})
}

func TestProbe(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		found, err := Probe(dir)
		check(t, err)
		if found.Clone != Yes || found.Exchange != Yes || !found.Range || found.Granularity != blockSize || !strings.Contains(dir, found.FSName) {
			t.Fatalf("%+v", found)
		}
		onlyThese(t, dir)
	})
	on(t, copying, func(t *testing.T, dir string) {
		found, err := Probe(dir)
		check(t, err)
		if found.Clone != No || found.Reason != ReasonUnsupported || found.Err != syscall.EOPNOTSUPP {
			t.Fatalf("%+v", found)
		}
	})
	t.Run("pair", func(t *testing.T) {
		one, other := mounted(t, "xfs"), mounted(t, "xfs2")
		random(t, in(one, "a"), size)
		found, err := ProbeFrom(in(one, "a"), other)
		check(t, err)
		if found.Clone != No || found.Reason != ReasonCrossDevice {
			t.Fatalf("%+v", found)
		}
		if found, err = ProbeFrom(in(one, "a"), one); err != nil || found.Clone != Yes {
			t.Fatalf("%+v %v", found, err)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		if found, err := Probe("/proc"); err != nil || found.Clone != Unknown || found.Err == 0 {
			t.Fatalf("%+v %v", found, err)
		}
		if _, err := Probe("/no/such"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%v", err)
		}
		if _, err := Probe("/\x00"); !errors.Is(err, syscall.EINVAL) {
			t.Fatalf("%v", err)
		}
	})
}

func TestAFileThatIsThereIsOverwritten(t *testing.T) {
	on(t, anywhere, func(t *testing.T, dir string) {
		data := random(t, in(dir, "a"), size)
		random(t, in(dir, "b"), 2*size)
		check(t, os.Link(in(dir, "b"), in(dir, "other")))
		check(t, os.Symlink("b", in(dir, "link")))
		_, err := CopyFile(background, in(dir, "a"), in(dir, "link"), WithOverwrite())
		if !errors.Is(err, syscall.ELOOP) {
			t.Fatalf("%v", err)
		}
		result, err := CopyFile(background, in(dir, "a"), in(dir, "link"), WithOverwrite(), WithFollowDestination())
		check(t, err)
		if !result.Published {
			t.Fatalf("%+v", result)
		}
		sameContent(t, in(dir, "other"), data)
	})
}

func TestPermissionsAreTheCallersChoice(t *testing.T) {
	on(t, anywhere, func(t *testing.T, dir string) {
		random(t, in(dir, "a"), size)
		check(t, os.Chmod(in(dir, "a"), 0o666))
		defer syscall.Umask(syscall.Umask(0o027))
		for permissions, want := range map[Permissions]fs.FileMode{
			PermissionsSource: 0o666, PermissionsUmask: 0o640, PermissionsNew: 0o640,
		} {
			_, err := CopyFile(background, in(dir, "a"), in(dir, "b"), WithPermissions(permissions), WithReplace())
			check(t, err)
			made, err := os.Stat(in(dir, "b"))
			check(t, err)
			if made.Mode().Perm() != want {
				t.Fatalf("%v: %v", permissions, made.Mode())
			}
		}
	})
}

func TestOnlyWholeBlocksAreShared(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		data := random(t, in(dir, "a"), 40*blockSize)
		old := random(t, in(dir, "b"), 40*blockSize)
		src, err := os.Open(in(dir, "a"))
		check(t, err)
		defer src.Close()
		dst, err := os.OpenFile(in(dir, "b"), os.O_RDWR, 0)
		check(t, err)
		defer dst.Close()
		result, err := CopyRange(dst, src, 8*blockSize+100, 100, 20*blockSize, WithShareOnly())
		check(t, err)
		if result.CloneOffset != blockSize-100 || result.BytesCloned != 19*blockSize || result.BytesCopied != 0 {
			t.Fatalf("%+v", result)
		}
		copy(old[9*blockSize:28*blockSize], data[blockSize:])
		sameContent(t, in(dir, "b"), old)
	})
}
