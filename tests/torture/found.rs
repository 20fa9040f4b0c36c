//! Defects that the attacks found in the library, each with a small test that fails without its fix.
//! The attack that found it stays where it is; the test here needs no random numbers.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;

use crate::abi::{self, Options};
use crate::files::{self, Room};
use crate::lab::Place;

/// The model: a range inside one empty file was told to overlap, though there is nothing to copy.
pub fn an_empty_file_has_no_range_to_overlap(place: &Place) {
    let room = Room::new(&place.dir);
    let path = files::file(&room.path("empty"), b"");
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    for mode in [abi::AUTO, abi::ALWAYS, abi::NEVER] {
        let how = Options { mode, ..Options::default() };
        for length in [4096, abi::TO_EOF] {
            let (code, outcome) =
                abi::copy_range((file.as_raw_fd(), 0), (file.as_raw_fd(), 1024), length, &how);
            assert_eq!((code, outcome.total()), (0, 0), "{outcome:?}");
        }
    }
    assert_eq!(file.metadata().unwrap().len(), 0);
}
