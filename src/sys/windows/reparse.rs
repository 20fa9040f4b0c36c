//! Reparse points: what a tag makes of a file, and whether one mounts a volume.
//! Plain rules over bytes ([MS-FSCC] 2.1.2, ntifs.h), tested on every system.

use crate::sys::api::Kind;

/// Reparse tags (learn.microsoft.com/windows/win32/fileio/reparse-point-tags and [MS-FSCC] 2.1.2.1).
mod tag {
    pub const SYMLINK: u32 = 0xa000_000c;
    /// A junction, or the place where a volume is mounted.
    pub const MOUNT_POINT: u32 = 0xa000_0003;
    /// The bit of those that stand for another file: IsReparseTagNameSurrogate of ntifs.h.
    pub const NAME_SURROGATE: u32 = 0x2000_0000;
    /// Linux' links, sockets, FIFOs and devices, as the Windows Subsystem for Linux keeps them.
    pub const LINUX_SYMLINK: u32 = 0xa000_001d;
    pub const SOCKET: u32 = 0x8000_0023;
    pub const FIFO: u32 = 0x8000_0024;
    pub const CHARACTER_DEVICE: u32 = 0x8000_0025;
    pub const BLOCK_DEVICE: u32 = 0x8000_0026;
}

/// What a reparse point makes of its file. `None`: the file itself, kept in some other way (deduplicated, compressed, in a
/// cloud).
pub const fn kind(found: u32) -> Option<Kind> {
    match found {
        tag::SYMLINK | tag::MOUNT_POINT | tag::LINUX_SYMLINK => Some(Kind::Symlink),
        tag::SOCKET => Some(Kind::Socket),
        tag::FIFO => Some(Kind::Fifo),
        tag::CHARACTER_DEVICE => Some(Kind::CharacterDevice),
        tag::BLOCK_DEVICE => Some(Kind::BlockDevice),
        found if found & tag::NAME_SURROGATE != 0 => Some(Kind::Other),
        _ => None,
    }
}

/// Whether a tag may be that of a mounted volume: its data tells.
pub const fn may_mount(found: u32) -> bool {
    found == tag::MOUNT_POINT
}

/// Whether a reparse point's data (REPARSE_DATA_BUFFER) says that a whole volume is mounted there: `\??\Volume{…}\`, with
/// nothing behind. Else it is a junction.
pub fn mounts_volume(data: &[u8]) -> bool {
    let number = |at: usize| -> Option<usize> {
        let bytes = data.get(at..at.checked_add(2)?)?;
        bytes.try_into().ok().map(u16::from_le_bytes).map(usize::from)
    };
    let name = || {
        let start = PATH_AT.checked_add(number(NAME_OFFSET_AT)?)?;
        data.get(start..start.checked_add(number(NAME_LENGTH_AT)?)?)
    };
    let Some(name) = name() else { return false };
    let is_ascii = |(unit, byte): (&[u8], &u8)| unit.eq_ignore_ascii_case(&[*byte, 0]);
    let starts =
        name.len() >= VOLUME.len().saturating_mul(2) && name.chunks_exact(2).zip(VOLUME).all(is_ascii);
    let end = name.chunks_exact(2).rposition(|unit| unit == [b'}', 0]);
    let rest = end.and_then(|end| name.get(end.saturating_add(1).saturating_mul(2)..));
    starts && matches!(rest, Some([] | [b'\\', 0]))
}

const TAG_AT: usize = 0;
const NAME_OFFSET_AT: usize = 8;
const NAME_LENGTH_AT: usize = 10;
const PATH_AT: usize = 16;
const VOLUME: &[u8] = br"\??\volume{";

/// The tag that a reparse point's data begins with.
pub fn tag_of(data: &[u8]) -> Option<u32> {
    data.get(TAG_AT..4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A junction's data, as ntifs.h lays it out: the name to go to, and the one to show.
    fn junction(to: &str) -> Vec<u8> {
        let name: Vec<u8> = to.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = name.len() as u16;
        let mut data = tag::MOUNT_POINT.to_le_bytes().to_vec();
        for number in [8 + length + 4, 0, 0, length, length + 2, 0] {
            data.extend(number.to_le_bytes());
        }
        data.extend(&name);
        data.extend([0; 4]);
        data
    }

    #[test]
    fn a_tag_tells_links_from_files_that_are_kept_elsewhere() {
        for (tag, expected) in [
            (0xa000_000c, Some(Kind::Symlink)),
            (0xa000_0003, Some(Kind::Symlink)),
            (0xa000_001d, Some(Kind::Symlink)),
            (0x8000_0023, Some(Kind::Socket)),
            (0x8000_0024, Some(Kind::Fifo)),
            (0x8000_0025, Some(Kind::CharacterDevice)),
            (0x8000_0026, Some(Kind::BlockDevice)),
            (0xa000_0010, Some(Kind::Other)), // IIS_CACHE: some name surrogate
            (0x8000_0013, None),              // DEDUP
            (0x8000_0017, None),              // WOF
            (0x9000_001a, None),              // CLOUD
            (0, None),
        ] {
            assert_eq!(kind(tag), expected, "{tag:x}");
        }
    }

    #[test]
    fn a_mounted_volume_is_no_junction() {
        let volume = r"\??\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}";
        for (to, mounts) in [
            (format!(r"{volume}\"), true),
            (volume.to_uppercase(), true),
            (format!(r"{volume}\directory"), false),
            (r"\??\C:\directory".into(), false),
            (r"\??\C:\Volume{}".into(), false),
            (r"\??\Volume{".into(), false),
            (String::new(), false),
        ] {
            let data = junction(&to);
            assert!(may_mount(tag_of(&data).unwrap()));
            assert_eq!(mounts_volume(&data), mounts, "{to}");
            for length in 0..data.len().min(40) {
                assert!(!mounts_volume(&data[..length]), "cut to {length}");
            }
        }
        assert_eq!(tag_of(&[3, 0]), None);
    }
}
