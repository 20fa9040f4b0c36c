//! Whole files by name, as far as it takes Linux to see it: shared blocks, steps of large clones, /proc, sources that move.

use std::ffi::c_void;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::abi::{self, Options};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::{Contract, Where};

pub const ALL: &[Contract] = &[
    Contract("a_write_parts_only_what_it_writes", Where::IfCloning, a_write_parts_only_what_it_writes),
    Contract("holes_are_kept_in_every_mode", Where::Everywhere, holes_are_kept_in_every_mode),
    Contract("a_large_clone_goes_in_steps", Where::IfCloning, a_large_clone_goes_in_steps),
    Contract("pseudo_files_come_with_their_content", Where::Everywhere, pseudo_files_come_with_their_content),
    Contract("a_source_that_moves_ends_the_copy", Where::Everywhere, a_source_that_moves_ends_the_copy),
];

pub fn options(mode: u32) -> Options {
    Options { mode, ..Options::default() }
}

fn replace(mode: u32) -> Options {
    Options { mode, if_exists: abi::REPLACE, ..Options::default() }
}

fn a_write_parts_only_what_it_writes(place: &Place) {
    let room = Room::new(&place.dir);
    let content = files::bytes(2, 1 << 20);
    let (src, dst) = (files::file(&room.path("src"), &content), room.path("dst"));
    assert_eq!(abi::copy_file(&src, &dst, &options(abi::ALWAYS)).0, 0);
    let unit = place.block.max(4096);
    let file = OpenOptions::new().write(true).open(&dst).unwrap();
    file.write_all_at(&vec![0xab; unit as usize], 4 * unit).unwrap();
    file.sync_all().unwrap();
    assert!(fs::read(&src).unwrap() == content, "a write into the copy reached the source");
    let part = |offset, length| files::extents(&dst, offset, length).unwrap();
    assert_eq!(part(4 * unit, unit).shared, 0);
    assert_eq!(part(0, 4 * unit).shared, 4 * unit);
    assert_eq!(part(5 * unit, (1 << 20) - 5 * unit).shared, (1 << 20) - 5 * unit);
}

const MEGABYTE: u64 = 1 << 20;

/// A file's name, its size, and where its data is: (offset, length).
type Shape = (&'static str, u64, &'static [(u64, usize)]);

const SPARSE: &[Shape] = &[
    ("trailing", 8 * MEGABYTE, &[(0, 65536)]),
    // XFS allocates ahead of a write that extends a file, here as much again as was written.
    ("behind much data", 20 * MEGABYTE, &[(0, 4 << 20), (16 * MEGABYTE, 65536)]),
    ("leading", 8 * MEGABYTE, &[(8 * MEGABYTE - 65536, 65536)]),
    ("middle", 8 * MEGABYTE, &[(4 * MEGABYTE, 1)]),
    ("nothing", 8 * MEGABYTE + 17, &[]),
    ("many", 32 * MEGABYTE, &[(0, 1), (MEGABYTE, 65536), (9 * MEGABYTE + 5, 300_000), (20 * MEGABYTE, 1)]),
];

fn holes_are_kept_in_every_mode(place: &Place) {
    let room = Room::new(&place.dir);
    let modes: &[u32] =
        if place.clones { &[abi::AUTO, abi::ALWAYS, abi::NEVER] } else { &[abi::AUTO, abi::NEVER] };
    for (name, size, data) in SPARSE {
        let src = files::sparse(&room.path(name), *size, data);
        let there = files::allocated(&src);
        assert!(there < size / 2, "{name}: {} has no holes", place.name);
        for mode in modes {
            let dst = room.path("dst");
            let (code, outcome) = abi::copy_file(&src, &dst, &replace(*mode));
            assert_eq!((code, outcome.total()), (0, *size), "{name}, mode {mode}: {outcome:?}");
            files::assert_same(&src, &dst);
            // A block more for each stretch: file systems round differently.
            let most = there + 65536 * (data.len() as u64 + 1);
            let made = files::allocated(&dst);
            assert!(made <= most, "{name}, mode {mode}: {made} bytes allocated, the source has {there}");
            assert!(outcome.cloned > 0 || outcome.holes > size / 2, "{name}, mode {mode}: {outcome:?}");
        }
    }
}

/// What a progress function was told, and when it is to cancel.
#[derive(Default)]
pub struct Told {
    pub calls: Vec<(u64, u64)>,
    pub cancel_at: Option<usize>,
}

impl Told {
    pub fn options(&mut self, base: Options) -> Options {
        Options { progress: Some(told), user: std::ptr::from_mut(self).cast(), ..base }
    }
}

unsafe extern "C" fn told(user: *mut c_void, progress: *const abi::Progress) -> i32 {
    let (told, progress) = unsafe { (&mut *user.cast::<Told>(), &*progress) };
    assert_eq!(progress.size as usize, size_of::<abi::Progress>());
    told.calls.push((progress.bytes_done, progress.bytes_total));
    i32::from(told.cancel_at.is_some_and(|at| told.calls.len() > at))
}

fn a_large_clone_goes_in_steps(place: &Place) {
    let room = Room::new(&place.dir);
    let size = (2 << 30) + (512 << 20) + 7;
    let src = files::sparse(&room.path("src"), size, &[(0, 65536), (1 << 30, 65536), (size - 7, 7)]);
    let mut told = Told::default();
    let (code, outcome) = abi::copy_file(&src, &room.path("dst"), &told.options(options(abi::ALWAYS)));
    assert_eq!((code, outcome.method, outcome.cloned), (0, abi::METHOD_CLONE, size), "{outcome:?}");
    assert_eq!(told.calls, [(0, size), (1 << 30, size), (2 << 30, size), (size, size)]);
    assert_eq!(fs::metadata(room.path("dst")).unwrap().len(), size);
    let extents = files::all_extents(&room.path("dst")).unwrap();
    assert!(extents.mapped > 0 && extents.shared == extents.mapped, "{extents:?}");
    let mut told = Told { cancel_at: Some(2), ..Told::default() };
    let (code, _) = abi::copy_file(&src, &room.path("cancelled"), &told.options(options(abi::ALWAYS)));
    assert_eq!(code, -libc::ECANCELED);
    assert_eq!(room.names(), ["dst", "src"]);
}

fn pseudo_files_come_with_their_content(place: &Place) {
    let room = Room::new(&place.dir);
    for (name, pseudo) in
        ["/proc/version", "/proc/filesystems", "/sys/kernel/mm/transparent_hugepage/enabled"]
            .into_iter()
            .filter(|name| Path::new(name).exists())
            .enumerate()
    {
        for mode in [abi::AUTO, abi::NEVER] {
            let dst = room.path(&format!("dst-{name}"));
            let (code, outcome) = abi::copy_file(Path::new(pseudo), &dst, &replace(mode));
            assert_eq!(code, 0, "{pseudo}: {outcome:?}");
            let content = fs::read(pseudo).unwrap();
            assert!(!content.is_empty() && fs::read(&dst).unwrap() == content, "{pseudo}");
            assert_eq!((outcome.copied, outcome.method), (content.len() as u64, abi::METHOD_COPY));
        }
    }
}

/// A source that is cut short, grown and rewritten all the while: each copy ends, and what it says is what is there.
fn a_source_that_moves_ends_the_copy(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(11, 4 << 20));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = OpenOptions::new().write(true).open(&src).unwrap();
            let mut size = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                size = (size + 1_234_567) % (6 << 20);
                file.set_len(size).unwrap();
                file.write_all_at(b"end", size).unwrap();
            }
        });
        for turn in 0..60 {
            let mode = if turn % 2 == 0 { abi::AUTO } else { abi::NEVER };
            let dst = room.path("dst");
            let (code, outcome) = abi::copy_file(&src, &dst, &replace(mode));
            if code == 0 {
                assert_eq!(outcome.total(), fs::metadata(&dst).unwrap().len(), "{outcome:?}");
            }
            assert!(code == 0 || code == -4102, "{code} {outcome:?}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(room.names(), ["dst", "src"]);
}
