//! The records that NtQueryDirectoryFile fills a buffer with, and names in UTF-16 as the engine's bytes.
//! Plain rules over bytes (FILE_FULL_DIR_INFORMATION of ntifs.h), tested on every system.

use std::ffi::CString;

use crate::sys::api::{Errno, Result};
use crate::sys::errno;

/// Where the parts of a record are. What is not listed here is not asked for.
const ATTRIBUTES_AT: usize = 56;
const NAME_LENGTH_AT: usize = 60;
/// The size of extended attributes; of a reparse point its tag ([MS-FSCC] 2.4.14).
const TAG_AT: usize = 64;
const NAME_AT: usize = 68;

const DIRECTORY: u32 = 0x10;
const REPARSE_POINT: u32 = 0x400;

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// The name, which cannot lead anywhere but to an entry.
    pub name: CString,
    /// As <dirent.h> numbers types. 0: its reparse point must tell.
    pub d_type: u8,
    is_tagged: bool,
}

/// The records of a buffer. One that makes no sense is the last: EIO, as Linux says of a damaged directory. So is what Wine
/// calls a reparse point without a tag, EOPNOTSUPP: a symbolic link of Unix to a directory, which it follows when it opens it.
pub fn records(buffer: &[u8]) -> impl Iterator<Item = Result<Record>> {
    let mut rest = (!buffer.is_empty()).then_some(buffer);
    core::iter::from_fn(move || {
        let at = rest.take()?;
        let read = record(at).ok_or(Errno::own(errno::EIO)).and_then(|record| match record {
            Record { d_type: 0, is_tagged: false, .. } => Err(Errno::own(errno::EOPNOTSUPP)),
            record => Ok(record),
        });
        if read.is_ok() {
            // 0: the last one. One beyond the buffer is read as an empty record, which is none.
            let next = number(at, 0).filter(|next| *next > 0);
            rest = next.map(|next| at.get(next as usize..).unwrap_or_default());
        }
        Some(read)
    })
}

fn number(record: &[u8], at: usize) -> Option<u32> {
    record.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn record(bytes: &[u8]) -> Option<Record> {
    let attributes = number(bytes, ATTRIBUTES_AT)?;
    let end = NAME_AT.checked_add(number(bytes, NAME_LENGTH_AT)? as usize)?;
    let d_type = match attributes {
        attributes if attributes & REPARSE_POINT != 0 => 0,
        attributes if attributes & DIRECTORY != 0 => 4,
        _ => 8,
    };
    let is_tagged = number(bytes, TAG_AT)? != 0;
    Some(Record { name: name(bytes.get(NAME_AT..end)?)?, d_type, is_tagged })
}

/// A name in UTF-8. Half a surrogate pair, which UTF-8 cannot say, gets the bytes that it would have: nothing can be opened
/// by such a name (EILSEQ), but it is shown. A name that is none (a server, or a damaged disk, may list any) is refused: it
/// could lead out of its directory, or to a stream of another file.
fn name(units: &[u8]) -> Option<CString> {
    let units = units.chunks_exact(2).map(|unit| unit.try_into().map_or(0, u16::from_le_bytes));
    let mut bytes = Vec::new();
    for unit in char::decode_utf16(units) {
        match unit {
            Ok('/' | '\\' | ':') => return None,
            Ok(letter) => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(half) => {
                let [high, low] = half.unpaired_surrogate().to_be_bytes();
                let middle = (high & 0xf) << 2 | low >> 6;
                bytes.extend_from_slice(&[0xe0 | high >> 4, 0x80 | middle, 0x80 | (low & 0x3f)]);
            }
        }
    }
    if bytes.is_empty() { None } else { CString::new(bytes).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    /// A record as the system lays it out, each at a multiple of 8; the last says that none follows.
    fn record_of(name: &[u16], attributes: u32, last: bool) -> Vec<u8> {
        let mut record = vec![0xee; NAME_AT];
        let length = name.len() as u32 * 2;
        let next = (NAME_AT as u32 + length).next_multiple_of(8);
        record[..4].copy_from_slice(&if last { 0 } else { next }.to_le_bytes());
        record[ATTRIBUTES_AT..][..4].copy_from_slice(&attributes.to_le_bytes());
        record[NAME_LENGTH_AT..][..4].copy_from_slice(&length.to_le_bytes());
        record[TAG_AT..][..4].copy_from_slice(&0xa000_000c_u32.to_le_bytes());
        record.extend(name.iter().flat_map(|unit| unit.to_le_bytes()));
        if !last {
            record.resize(next as usize, 0xee);
        }
        record
    }

    fn buffer(all: &[(&[u16], u32)]) -> Vec<u8> {
        let last = all.len() - 1;
        let one =
            |(at, (name, attributes)): (usize, &(&[u16], u32))| record_of(name, *attributes, at == last);
        all.iter().enumerate().flat_map(one).collect()
    }

    #[test]
    fn records_are_read_one_after_another() {
        let names = [".", "..", "a", "\u{e4}\u{6f22}\u{1f426}.txt", "sub.", "link"].map(wide);
        let attributes = [DIRECTORY, DIRECTORY, 0x20, 0x21, DIRECTORY | 1, DIRECTORY | REPARSE_POINT];
        let all: Vec<_> = names.iter().map(Vec::as_slice).zip(attributes).collect();
        let read: Vec<_> = records(&buffer(&all)).map(Result::unwrap).collect();
        let shown = |record: &Record| (record.name.to_str().unwrap().to_owned(), record.d_type);
        assert_eq!(
            read.iter().map(shown).collect::<Vec<_>>(),
            [
                (".".into(), 4),
                ("..".into(), 4),
                ("a".into(), 8),
                ("\u{e4}\u{6f22}\u{1f426}.txt".into(), 8),
                ("sub.".into(), 4),
                ("link".into(), 0),
            ]
        );
        assert_eq!(records(&[]).count(), 0);
    }

    #[test]
    fn half_a_pair_is_shown_and_is_no_utf8() {
        for (units, bytes) in [
            (vec![0xd83d, 0x61], &b"\xed\xa0\xbda"[..]),
            (vec![0x61, 0xdc26], b"a\xed\xb0\xa6"),
            (vec![0xdfff, 0xd800], b"\xed\xbf\xbf\xed\xa0\x80"),
        ] {
            let read = records(&buffer(&[(&units, 0)])).next().unwrap().unwrap();
            assert_eq!(read.name.as_bytes(), bytes);
            assert!(read.name.to_str().is_err());
        }
    }

    #[test]
    fn no_listed_name_leads_elsewhere() {
        for name in ["..\\up", "C:", "C:x", "a:stream", "/", "a/b", "\\", "", "a\0b"] {
            let all = [wide("good"), wide(name), wide("never")];
            let all: Vec<_> = all.iter().map(|name| (name.as_slice(), 0)).collect();
            let read: Vec<_> = records(&buffer(&all)).collect();
            assert_eq!(read.len(), 2, "{name:?}");
            assert_eq!(read[1], Err(Errno::own(errno::EIO)), "{name:?}");
        }
    }

    /// Wine would open, and empty, what it leads to.
    #[test]
    fn a_link_that_is_followed_when_it_is_opened_is_refused() {
        let mut link = buffer(&[(&wide("link"), DIRECTORY | REPARSE_POINT), (&wide("never"), 0)]);
        link[TAG_AT..][..4].fill(0);
        let read: Vec<_> = records(&link).collect();
        assert_eq!(read, [Err(Errno::own(errno::EOPNOTSUPP))]);
        let mut plain = buffer(&[(&wide("plain"), DIRECTORY)]);
        plain[TAG_AT..][..4].fill(0);
        assert!(records(&plain).all(|record| record.is_ok()));
    }

    #[test]
    fn a_record_that_is_cut_short_is_an_error_and_no_panic() {
        let whole = buffer(&[(&wide("one"), 0), (&wide("other"), 0)]);
        for length in 1..whole.len() {
            let read: Vec<_> = records(&whole[..length]).collect();
            assert!(read.last().unwrap().is_err(), "{length}");
        }
        let mut beyond = buffer(&[(&wide("one"), 0)]);
        beyond[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        let read: Vec<_> = records(&beyond).map(|record| record.map(|record| record.name)).collect();
        assert_eq!(read, [Ok(c"one".into()), Err(Errno::own(errno::EIO))]);
    }
}
