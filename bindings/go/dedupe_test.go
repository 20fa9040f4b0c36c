// Equal files come to share, and different ones do not.

package reflink

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestEqualFilesComeToShare(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		a, b := twice(t, dir, Never)
		done, err := Dedupe(b, a, 0, 0, ToEOF, Verify, WithDurable())
		check(t, err)
		if !done.All() || done.BytesVerified != done.Length || done.FirstDifference != done.Length {
			t.Errorf("%+v", done)
		}
		found, err := Shared(a, b, 0, 0, ToEOF, 0)
		check(t, err)
		if found.Verdict != SharedAll {
			t.Errorf("%+v", found)
		}
		done, err = Dedupe(b, a, 0, 0, ToEOF, 0)
		check(t, err)
		if done.BytesAlready != done.Length {
			t.Errorf("%+v", done)
		}
	})
}

func TestADifferenceIsAnAnswer(t *testing.T) {
	on(t, cloning, func(t *testing.T, dir string) {
		a, b := twice(t, dir, Never)
		writer, err := os.OpenFile(filepath.Join(dir, "to"), os.O_RDWR, 0)
		check(t, err)
		defer writer.Close()
		one := make([]byte, 1)
		_, err = writer.ReadAt(one, 20000)
		check(t, err)
		one[0]++
		_, err = writer.WriteAt(one, 20000)
		check(t, err)
		done, err := Dedupe(b, a, 0, 0, ToEOF, 0)
		check(t, err)
		if done.FirstDifference != 20000 || done.BytesNotReached == 0 || done.All() {
			t.Errorf("%+v", done)
		}
		done, err = Dedupe(b, a, 0, 0, ToEOF, PastDifferences)
		check(t, err)
		if done.BytesNotReached != 0 || done.BytesDeduped+done.BytesAlready+done.BytesDifferent != done.Length {
			t.Errorf("%+v", done)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := Dedupe(b, a, 0, 0, ToEOF, 0, WithContext(ended)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
