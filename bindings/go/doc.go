// Package reflink makes copy-on-write (reflink) copies of files, over the C library libreflink: where the file system
// can, a copy shares its blocks with the source; where it cannot, the bytes are copied; either way Result says which.
//
//	result, err := reflink.CopyFile(ctx, "disk.img", "snapshot.img", reflink.WithReplace())
//	if err != nil {
//		return err
//	}
//	if result.Method == reflink.MethodClone {
//		fmt.Println(result.BytesCloned, "bytes shared")
//	}
//
// The destination's name shows its old state or the complete copy, never a part of it, after any error, signal or
// kill. Every function may be called from any goroutine; while one runs it occupies a thread, as any cgo call does.
package reflink
