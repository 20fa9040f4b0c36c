// The Go that SWIG writes from creflink.i, against the library. usage: PROGRAM SRC DST

package main

import (
	"check/creflink"
	"os"
)

func main() {
	if uint64(creflink.REFLINK_NOFOLLOW) != 1<<32 || uint64(creflink.REFLINK_TO_EOF) != 1<<63-1 {
		panic("numbers")
	}
	options, result := creflink.NewReflink_options(), creflink.NewReflink_result()
	options.SetFlags(uint64(creflink.REFLINK_NOFOLLOW))
	if code := creflink.Reflink_copy_file(os.Args[1], os.Args[2], options, result); code != 0 {
		panic(creflink.Reflink_strerror(code))
	}
	if result.GetBytes_cloned()+result.GetBytes_copied()+result.GetBytes_hole() != 100000 {
		panic("length")
	}
	if code := creflink.Reflink_copy_file(os.Args[1], os.Args[2], options, result); creflink.Reflink_err_name(code) != "EEXIST" {
		panic(creflink.Reflink_err_name(code))
	}
}
