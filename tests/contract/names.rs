//! Names and sources that are wrong, odd or hostile: a clear error or a documented success, nothing lost, nothing left.

use std::ffi::CString;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;

use crate::abi::{self, Options, Outcome, library};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::{Contract, Where};

pub const ALL: &[Contract] = &[
    Contract("bad_names_are_refused", Where::Everywhere, bad_names_are_refused),
    Contract("what_is_no_file_is_no_source", Where::Everywhere, what_is_no_file_is_no_source),
    Contract("odd_names_are_names", Where::Everywhere, odd_names_are_names),
    Contract("names_relative_to_directories", Where::Everywhere, names_relative_to_directories),
    Contract(
        "links_as_sources_are_followed_unless_told",
        Where::Everywhere,
        links_as_sources_are_followed_unless_told,
    ),
];

fn all_ways(test: impl Fn(&Options)) {
    for mode in [abi::AUTO, abi::ALWAYS, abi::NEVER] {
        for if_exists in [0, abi::REPLACE] {
            for durability in [abi::ATOMIC, abi::DURABLE, abi::DIRECT] {
                test(&Options { mode, if_exists, durability, ..Options::default() });
            }
        }
    }
}

fn bad_names_are_refused(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), b"content");
    fs::create_dir(room.path("dir")).unwrap();
    let at = |name: &str| CString::new(room.path(name).as_os_str().as_bytes()).unwrap();
    let long_leaf = "x".repeat(256);
    let long_path = "d/".repeat(2048) + "x";
    let before = room.names();
    all_ways(|options| {
        for (from, to, wanted) in [
            (c"".to_owned(), at("dst"), libc::ENOENT),
            (at("src"), c"".to_owned(), libc::ENOENT),
            (at("missing"), at("dst"), libc::ENOENT),
            (at("src/"), at("dst"), libc::ENOTDIR),
            (at("src/x"), at("dst"), libc::ENOTDIR),
            (at("dir"), at("dst"), libc::EISDIR),
            (at("dir/"), at("dst"), libc::EISDIR),
            (at("src"), at("dst/"), libc::EISDIR),
            (at("src"), at("dir/"), libc::EISDIR),
            (at("src"), at("dir/."), libc::EISDIR),
            (at("src"), at("dir/.."), libc::EISDIR),
            (at("src"), c"/".to_owned(), libc::EISDIR),
            (at("src"), at("missing/dst"), libc::ENOENT),
            (at("src"), at("src/dst"), libc::ENOTDIR),
            (at("src"), at(&long_leaf), libc::ENAMETOOLONG),
            (at(&long_leaf), at("dst"), libc::ENAMETOOLONG),
            (at("src"), at(&long_path), libc::ENAMETOOLONG),
            (at(&long_path), at("dst"), libc::ENAMETOOLONG),
        ] {
            let mut outcome = Outcome::unwritten();
            let code = unsafe { (library().copy_file)(from.as_ptr(), to.as_ptr(), options, &mut outcome) };
            // A volume that cannot clone may say so before the name is looked at.
            let early = options.mode == abi::ALWAYS && !place.clones && code == -libc::EOPNOTSUPP;
            assert!(code == -wanted || early, "{from:?} -> {to:?}: {code} {outcome:?}");
            assert_ne!(outcome.step, 0);
        }
    });
    assert_eq!(room.names(), before);
    assert_eq!(fs::read(src).unwrap(), b"content");
}

fn what_is_no_file_is_no_source(place: &Place) {
    let room = Room::new(&place.dir);
    files::fifo(&room.path("fifo"));
    let socket = std::os::unix::net::UnixListener::bind(room.path("socket"));
    let before = room.names();
    let mut sources = vec![room.path("fifo"), "/dev/null".into(), "/dev/zero".into(), "/dev/tty".into()];
    if socket.is_ok() {
        sources.push(room.path("socket"));
    }
    sources.retain(|source| source.exists() && !fs::metadata(source).unwrap().is_file());
    all_ways(|options| {
        for source in &sources {
            let (code, outcome) = abi::copy_file(source, &room.path("dst"), options);
            assert_eq!((code, outcome.step), (abi::ERR_NOT_REGULAR, abi::STEP_OPEN_SOURCE), "{source:?}");
        }
    });
    assert_eq!(room.names(), before);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

fn odd_names_are_names(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(30, 5000));
    let longest = "x".repeat(255);
    for name in [&b"\xff\xfe not UTF-8"[..], b"new\nline", b" ", b"-f", b"...", b"\x01", longest.as_bytes()] {
        let dst = room.0.join(std::ffi::OsStr::from_bytes(name));
        for if_exists in [0, abi::REPLACE] {
            let (code, outcome) = abi::copy_file(&src, &dst, &Options { if_exists, ..Options::default() });
            assert_eq!(code, 0, "{name:?}: {outcome:?}");
            files::assert_same(&src, &dst);
        }
        // And as a source.
        let (code, _) =
            abi::copy_file(&dst, &room.path("again"), &Options { if_exists: 1, ..Options::default() });
        assert_eq!(code, 0, "{name:?}");
    }
}

fn names_relative_to_directories(place: &Place) {
    let room = Room::new(&place.dir);
    for dir in ["from", "to", "to/sub"] {
        fs::create_dir(room.path(dir)).unwrap();
    }
    let src = files::file(&room.path("from/src"), &files::bytes(31, 5000));
    let (from, to) = (fs::File::open(room.path("from")).unwrap(), fs::File::open(room.path("to")).unwrap());
    all_ways(|options| {
        if options.mode == abi::ALWAYS && !place.clones {
            return;
        }
        for name in [c"dst", c"sub/dst", c"./dst2", c"../to/dst3"] {
            let _ = fs::remove_file(room.path("to").join(name.to_str().unwrap()));
            let mut outcome = Outcome::unwritten();
            let (src_dir, dst_dir) = (from.as_raw_fd(), to.as_raw_fd());
            let code = unsafe {
                (library().copy_file_at)(
                    src_dir,
                    c"src".as_ptr(),
                    dst_dir,
                    name.as_ptr(),
                    options,
                    &mut outcome,
                )
            };
            assert_eq!(code, 0, "{name:?}: {outcome:?}");
            files::assert_same(&src, &room.path("to").join(name.to_str().unwrap()));
        }
        let bad = |src_dir, dst_dir| unsafe {
            let none = std::ptr::null_mut();
            (library().copy_file_at)(src_dir, c"src".as_ptr(), dst_dir, c"bad".as_ptr(), options, none)
        };
        assert_eq!(bad(-5, to.as_raw_fd()), -libc::EBADF);
        assert_eq!(bad(from.as_raw_fd(), -5), -libc::EBADF);
        let file = fs::File::open(&src).unwrap();
        assert_eq!(bad(file.as_raw_fd(), to.as_raw_fd()), -libc::ENOTDIR);
        assert_eq!(bad(from.as_raw_fd(), file.as_raw_fd()), -libc::ENOTDIR);
    });
    assert_eq!(files::names(&room.path("to")), ["dst", "dst2", "dst3", "sub"]);
}

fn links_as_sources_are_followed_unless_told(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(32, 5000));
    symlink("src", room.path("link")).unwrap();
    symlink("nowhere", room.path("dangling")).unwrap();
    symlink("loop", room.path("loop")).unwrap();
    let copy = |name: &str, flags| {
        let options = Options { flags, if_exists: abi::REPLACE, ..Options::default() };
        abi::copy_file(&room.path(name), &room.path("dst"), &options).0
    };
    assert_eq!(copy("link", 0), 0);
    files::assert_same(&src, &room.path("dst"));
    assert_eq!(copy("link", abi::NOFOLLOW), -libc::ELOOP);
    assert_eq!(copy("dangling", 0), -libc::ENOENT);
    assert_eq!(copy("dangling", abi::NOFOLLOW), -libc::ELOOP);
    assert_eq!(copy("loop", 0), -libc::ELOOP);
    assert_eq!(copy("src", abi::NOFOLLOW), 0);
    assert!(!Path::new("/proc").exists() || room.names().len() == 5);
}
