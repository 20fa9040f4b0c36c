//! Names kept for later, packed into one buffer: a directory may have a million subdirectories.
//! Each comes with what the filter decided about it.

use core::ffi::CStr;

/// Whether the entries of a directory are copied too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// They are.
    Whole,
    /// They are left out.
    Nothing,
}

/// A stack of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    /// How many there are.
    pub(super) count: usize,
}

const NOTHING: u8 = 2;
const WHOLE: u8 = 1;

impl Names {
    /// Keeps a name.
    pub(super) fn push(&mut self, name: &CStr, content: Content) {
        self.bytes.push(if content == Content::Whole { WHOLE } else { NOTHING });
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        self.count = self.count.saturating_add(1);
    }

    /// Takes the last name.
    pub(super) fn pop(&mut self) -> Option<(std::ffi::CString, Content)> {
        let (_, before) = self.bytes.split_last()?;
        let start = before.iter().rposition(|byte| *byte == 0).map_or(0, |nul| nul.saturating_add(1));
        let record = self.bytes.split_off(start);
        self.count = self.count.saturating_sub(1);
        let (content, name) = record.split_first()?;
        let name = CStr::from_bytes_with_nul(name).ok()?;
        Some((name.into(), if *content == WHOLE { Content::Whole } else { Content::Nothing }))
    }

    /// All of them, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = &CStr> {
        let records = self.bytes.split_inclusive(|byte| *byte == 0);
        records.filter_map(|record| CStr::from_bytes_with_nul(record.get(1..)?).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_comes_first() {
        let mut names = Names::default();
        let all = [(c"a", Content::Whole), (c"\x01\x02", Content::Nothing), (c"b\nc", Content::Whole)];
        for (name, content) in all {
            names.push(name, content);
        }
        assert_eq!(names.iter().collect::<Vec<_>>(), all.map(|(name, _)| name));
        for (left, (name, content)) in all.into_iter().enumerate().rev() {
            assert_eq!(names.pop(), Some((name.into(), content)));
            assert_eq!(names.count, left);
        }
        assert_eq!(names.pop(), None);
    }
}
