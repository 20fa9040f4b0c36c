package reflink_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"syscall"

	"libreflink.example/reflink" // the module itself
)

func Example() {
	dir, err := os.MkdirTemp("", "reflink")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	disk, snapshot := filepath.Join(dir, "disk.img"), filepath.Join(dir, "snapshot.img")
	if err := os.WriteFile(disk, []byte("content"), 0o600); err != nil {
		log.Fatal(err)
	}

	result, err := reflink.CopyFile(context.Background(), disk, snapshot)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Length(), "bytes")

	_, err = reflink.CopyFile(context.Background(), disk, snapshot)
	fmt.Println(errors.Is(err, fs.ErrExist))
	// Output:
	// 7 bytes
	// true
}

func ExampleCopyTree() {
	dir, err := os.MkdirTemp("", "reflink")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	for _, name := range []string{"kept", "built"} {
		if err := os.MkdirAll(filepath.Join(src, name), 0o700); err != nil {
			log.Fatal(err)
		}
	}

	withoutBuilt := func(entry reflink.Entry) (reflink.Take, error) {
		if entry.Name == "built" {
			return reflink.LeaveOut, nil
		}
		return reflink.TakeWhole, nil
	}
	tree, err := reflink.CopyTree(context.Background(), src, dst, reflink.WithFilter(withoutBuilt))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tree.Directories, "directory,", tree.EntriesLeftOut, "left out")

	tree, err = reflink.RemoveTree(context.Background(), dst)
	fmt.Println(tree.Directories, err)
	// Output:
	// 1 directory, 1 left out
	// 1 <nil>
}

// A copied tree shares its blocks if each file of it lies where its source lies: the file system says so, one pair of files
// at a time.
func ExampleShared_tree() {
	proven := func(src, dst string) (bool, error) {
		all := true
		err := filepath.WalkDir(dst, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			relative, err := filepath.Rel(dst, path)
			if err != nil {
				return err
			}
			copied, err := os.Open(path)
			if err != nil {
				return err
			}
			defer copied.Close()
			source, err := os.Open(filepath.Join(src, relative))
			if err != nil {
				return err
			}
			defer source.Close()
			same, err := reflink.Shared(copied, source, 0, 0, reflink.ToEOF, 0)
			// An empty file has nothing to share.
			all = all && (same.Verdict == reflink.SharedAll || same.Length == 0)
			return err
		})
		return all, err
	}

	dir, err := os.MkdirTemp("", "reflink")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	if err := os.Mkdir(src, 0o700); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "file"), make([]byte, 1<<20), 0o600); err != nil {
		log.Fatal(err)
	}
	tree, err := reflink.CopyTree(context.Background(), src, dst)
	if err != nil {
		log.Fatal(err)
	}
	shared, err := proven(src, dst)
	fmt.Println(shared == (tree.FilesCloned == 1), err)
	// Output:
	// true <nil>
}

func ExampleDedupe() {
	dir, err := os.MkdirTemp("", "reflink")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var files []*os.File
	for _, name := range []string{"one", "equal"} {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			log.Fatal(err)
		}
		defer file.Close()
		if _, err := file.Write(make([]byte, 1<<20)); err != nil {
			log.Fatal(err)
		}
		files = append(files, file)
	}

	sums, err := reflink.Extents(files[0], 0, reflink.ToEOF, 0, nil)
	fmt.Println(sums.Length, err)
	done, err := reflink.Dedupe(files[1], files[0], 0, 0, reflink.ToEOF, 0)
	switch {
	case errors.Is(err, syscall.ENOTSUP):
		// nothing can be shared in this directory
	case err != nil:
		log.Fatal(err)
	case done.All():
		same, err := reflink.Shared(files[0], files[1], 0, 0, reflink.ToEOF, 0)
		if err != nil || same.Verdict != reflink.SharedAll {
			log.Fatal(same.Verdict, err)
		}
	}
	fmt.Println(done.BytesDifferent, "bytes differ")
	// Output:
	// 1048576 <nil>
	// 0 bytes differ
}
