//! Where a directory is in the tree: its name and its parent's place. A path is put together only when one is needed.
//! A place lives as long as something refers to it, also when the directory itself is closed.

use core::ffi::CStr;
use std::ffi::CString;
use std::sync::{Arc, OnceLock};

use super::folding::Folding;

/// The place of a directory.
#[derive(Debug)]
pub(super) struct Place {
    parent: Option<Arc<Self>>,
    /// Its name in the parent; of the root none.
    name: CString,
    /// How deep its entries are: 1 in the root.
    pub(super) depth: u32,
    /// Whether it takes two names for one.
    pub(super) folding: Folding,
    /// In a merge, whether no name in it can be changed.
    pub(super) append_only: OnceLock<bool>,
}

impl Place {
    /// The place of the root.
    pub(super) fn root() -> Arc<Self> {
        let (name, folding) = (CString::default(), Folding::default());
        Arc::new(Self { parent: None, name, depth: 1, folding, append_only: OnceLock::new() })
    }

    /// The place of a directory in this one.
    pub(super) fn below(self: &Arc<Self>, name: &CStr) -> Arc<Self> {
        let depth = self.depth.saturating_add(1);
        let (parent, folding) = (Some(Arc::clone(self)), Folding::default());
        Arc::new(Self { parent, name: name.into(), depth, folding, append_only: OnceLock::new() })
    }

    /// The names from the root down.
    pub(super) fn names(&self) -> Vec<&CStr> {
        let mut names = Vec::new();
        let mut place = self;
        while let Some(parent) = &place.parent {
            names.push(place.name.as_c_str());
            place = parent;
        }
        names.reverse();
        names
    }

    /// The path of an entry in it, relative to the root.
    pub(super) fn path_of(&self, name: &CStr) -> CString {
        let mut path = Vec::new();
        for directory in self.names() {
            path.extend_from_slice(directory.to_bytes());
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
        CString::new(path).unwrap_or_default() // made of names, none of which has a NUL
    }

    /// Its own name and the place of its parent. The root has none.
    pub(super) fn in_parent(&self) -> Option<(&Arc<Self>, &CStr)> {
        self.parent.as_ref().map(|parent| (parent, self.name.as_c_str()))
    }
}

impl Drop for Place {
    /// One after another: thousands of levels would overflow the stack if each dropped the next.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(mut place) = parent.and_then(Arc::into_inner) {
            parent = place.parent.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_of_all_names_above() {
        let root = Place::root();
        let deep = root.below(c"a").below(c"b c");
        assert_eq!(deep.path_of(c"file").as_c_str(), c"a/b c/file");
        assert_eq!((root.path_of(c"file").as_c_str(), root.depth, deep.depth), (c"file", 1, 3));
        assert_eq!(deep.names(), [c"a", c"b c"]);
        assert_eq!(deep.in_parent().map(|(parent, name)| (parent.names(), name)), Some((vec![c"a"], c"b c")));
        assert!(root.in_parent().is_none());
    }

    #[test]
    fn a_million_levels_do_not_overflow_the_stack() {
        let mut deep = Place::root();
        for _ in 0..1_000_000 {
            deep = deep.below(c"x");
        }
        drop(deep);
    }
}
