package reflink_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"

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
