// Directories on real file systems (see ../with-filesystems.sh), and who shares which blocks.

package reflink

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

const blockSize = 4096

var (
	cloning = []string{"xfs", "btrfs"}
	copying = []string{"ext4", "tmpfs"}
)

// mounted gives a new directory on a file system.
func mounted(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("REFLINK_TEST_" + strings.ToUpper(name))
	if root == "" {
		t.Skipf("no %s here: run by bindings/with-filesystems.sh, as root", name)
	}
	dir, err := os.MkdirTemp(root, "go")
	check(t, err)
	t.Cleanup(func() {
		left, err := filepath.Glob(filepath.Join(dir, ".reflink-*"))
		check(t, err)
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		check(t, os.RemoveAll(dir))
	})
	return dir
}

// on runs a test on several file systems.
func on(t *testing.T, names []string, test func(t *testing.T, dir string)) {
	for _, name := range names {
		name := name
		t.Run(name, func(t *testing.T) { test(t, mounted(t, name)) })
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// random makes a file of random bytes that is on disk.
func random(t *testing.T, name string, size int) []byte {
	t.Helper()
	data := make([]byte, size)
	_, err := rand.Read(data)
	check(t, err)
	file, err := os.Create(name)
	check(t, err)
	_, err = file.Write(data)
	check(t, err)
	check(t, file.Sync())
	check(t, file.Close())
	return data
}

func sameContent(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	check(t, err)
	if string(got) != string(want) {
		t.Fatalf("%s does not hold what it should (%d bytes, want %d)", name, len(got), len(want))
	}
}

func onlyThese(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var there []string
	for _, entry := range entries {
		there = append(there, entry.Name())
	}
	if strings.Join(there, " ") != strings.Join(names, " ") {
		t.Fatalf("there is %v, want %v", there, names)
	}
}

// shared counts the bytes of a file that the file system says are shared with another (FIEMAP).
func shared(t *testing.T, name string) (bytes uint64) {
	t.Helper()
	const (
		fsIocFiemap = 0xc020660b
		flagLast    = 0x1
		flagShared  = 0x2000
	)
	file, err := os.Open(name)
	check(t, err)
	defer file.Close()
	check(t, file.Sync())
	var request struct {
		start, length                 uint64
		flags, mapped, room, reserved uint32
		extents                       [64]struct {
			logical, physical, length uint64
			_                         [2]uint64
			flags                     uint32
			_                         [3]uint32
		}
	}
	for {
		request.length, request.mapped, request.room = ^uint64(0)-request.start, 0, uint32(len(request.extents))
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), fsIocFiemap, uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			t.Fatal(errno)
		}
		for _, extent := range request.extents[:request.mapped] {
			if extent.flags&flagShared != 0 {
				bytes += extent.length
			}
			if extent.flags&flagLast != 0 {
				return bytes
			}
			request.start = extent.logical + extent.length
		}
		if request.mapped == 0 {
			return bytes
		}
	}
}
