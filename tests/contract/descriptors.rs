//! What both descriptor calls check before they write, of descriptors that only Linux has.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::abi;
use crate::files::{self, Room};
use crate::lab::Place;
use crate::portable;
use crate::whole::options;
use crate::{Contract, Where, skip};

pub const ALL: &[Contract] = &[
    Contract("wrong_descriptors_are_refused", Where::Everywhere, wrong_descriptors_are_refused),
    Contract("a_marked_destination_is_refused", Where::Everywhere, a_marked_destination_is_refused),
    Contract("memfds_are_files", Where::Everywhere, memfds_are_files),
    Contract(
        "seals_are_known_before_a_byte_is_written",
        Where::Everywhere,
        seals_are_known_before_a_byte_is_written,
    ),
    Contract("preallocated_files_keep_holes", Where::Everywhere, preallocated_files_keep_holes),
];

/// Blocks beyond the end hide that there are holes before it.
fn preallocated_files_keep_holes(place: &Place) {
    if portable::is_tested() {
        skip("POSIX opens no descriptor's file once more");
    }
    let room = Room::new(&place.dir);
    let src = files::sparse(&room.path("src"), 512 << 10, &[(0, 4096), (384 << 10, 4096)]);
    let file = rw(&src);
    let more = unsafe { libc::fallocate64(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 512 << 10, 1 << 20) };
    if more != 0 || files::allocated(&src) < 512 << 10 {
        skip("no blocks beyond the end of a file here");
    }
    let dst = rw(&files::file(&room.path("dst"), b""));
    let (code, outcome) = abi::copy_fd(file.as_raw_fd(), dst.as_raw_fd(), &options(abi::NEVER));
    assert!(code == 0 && outcome.holes >= 128 << 10, "{code} {outcome:?}");
    files::assert_same(&src, &room.path("dst"));
    let (code, outcome) = abi::copy_file(&src, &room.path("new"), &options(abi::NEVER));
    assert!(code == 0 && outcome.holes >= 128 << 10, "{code} {outcome:?}");
}

fn rw(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// Both calls, on the same pair of descriptors.
fn both(src: i32, dst: i32, mode: u32) -> [i32; 2] {
    let range = abi::copy_range((src, 0), (dst, 0), 100, &options(mode));
    [abi::copy_fd(src, dst, &options(mode)).0, range.0]
}

fn wrong_descriptors_are_refused(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(48, 10_000));
    let dst = files::file(&room.path("dst"), b"precious");
    files::fifo(&room.path("fifo"));
    let open = |path: &Path, flags: i32| -> OwnedFd {
        let name = abi::c_path(path);
        let fd = unsafe { libc::open(name.as_ptr(), flags | libc::O_NONBLOCK) };
        assert!(fd >= 0, "{path:?}: {}", std::io::Error::last_os_error());
        unsafe { OwnedFd::from_raw_fd(fd) }
    };
    let (good_src, good_dst) = (open(&src, libc::O_RDONLY), open(&dst, libc::O_RDWR));
    let fifo = open(&room.path("fifo"), libc::O_RDWR);
    let mut pair = [0; 2];
    unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()) };
    let sockets = pair.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    let directory = open(&room.0, libc::O_RDONLY);
    let null = open(Path::new("/dev/null"), libc::O_RDWR);
    for mode in [abi::AUTO, abi::ALWAYS, abi::NEVER] {
        let as_src = |fd: i32| both(fd, good_dst.as_raw_fd(), mode);
        let as_dst = |fd: i32| both(good_src.as_raw_fd(), fd, mode);
        for closed in [-1, -100, 1_000_000, i32::MAX, i32::MIN] {
            assert_eq!((as_src(closed), as_dst(closed)), ([-libc::EBADF; 2], [-libc::EBADF; 2]));
        }
        assert_eq!(as_src(open(&src, libc::O_PATH).as_raw_fd()), [-libc::EBADF; 2]);
        assert_eq!(as_dst(open(&dst, libc::O_PATH).as_raw_fd()), [-libc::EBADF; 2]);
        assert_eq!(as_src(open(&src, libc::O_WRONLY).as_raw_fd()), [-libc::EBADF; 2]);
        assert_eq!(as_dst(open(&dst, libc::O_RDONLY).as_raw_fd()), [-libc::EBADF; 2]);
        assert_eq!(as_dst(open(&dst, libc::O_WRONLY | libc::O_APPEND).as_raw_fd()), [abi::ERR_APPEND; 2]);
        assert_eq!(
            (as_src(directory.as_raw_fd()), as_dst(directory.as_raw_fd())),
            ([-libc::EISDIR; 2], [-libc::EISDIR; 2])
        );
        for other in [fifo.as_raw_fd(), sockets[0].as_raw_fd(), null.as_raw_fd()] {
            assert_eq!(
                (as_src(other), as_dst(other)),
                ([abi::ERR_NOT_REGULAR; 2], [abi::ERR_NOT_REGULAR; 2])
            );
        }
        let again = open(&dst, libc::O_RDONLY);
        let same = both(again.as_raw_fd(), good_dst.as_raw_fd(), mode);
        assert_eq!(same, [abi::ERR_SAME_FILE, abi::ERR_OVERLAP]);
    }
    assert_eq!(fs::read(&dst).unwrap(), b"precious");
}

/// `chattr +i` or `+a` after the destination was opened: the descriptor could still write.
fn a_marked_destination_is_refused(place: &Place) {
    const IMMUTABLE: i32 = 0x10;
    const APPEND: i32 = 0x20;
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(49, 10_000));
    let dst = files::file(&room.path("dst"), b"precious");
    let (from, to) = (File::open(&src).unwrap(), rw(&dst));
    for mark in [IMMUTABLE, APPEND] {
        let set = |mark: i32| unsafe {
            // _IOR('f', 1, long) and _IOW('f', 2, long), though the kernel takes an int. ext4 refuses a change of
            // the flags that are its own, so they are read first.
            let mut flags = 0_i32;
            libc::ioctl(to.as_raw_fd(), libc::_IOR::<libc::c_long>(u32::from(b'f'), 1), &raw mut flags);
            flags = flags & !(IMMUTABLE | APPEND) | mark;
            libc::ioctl(to.as_raw_fd(), libc::_IOW::<libc::c_long>(u32::from(b'f'), 2), &raw mut flags)
        };
        if set(mark) != 0 {
            skip(format!("{} does not mark files here: {}", place.name, std::io::Error::last_os_error()));
        }
        for mode in [abi::AUTO, abi::ALWAYS, abi::NEVER] {
            assert_eq!(both(from.as_raw_fd(), to.as_raw_fd(), mode), [-libc::EPERM; 2]);
        }
        assert_eq!(set(0), 0);
        assert_eq!(fs::read(&dst).unwrap(), b"precious");
    }
}

fn memfd(flags: libc::c_uint) -> File {
    unsafe { File::from_raw_fd(libc::memfd_create(c"reflink-test".as_ptr(), flags)) }
}

fn memfds_are_files(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(50, 100_000));
    for mode in [abi::AUTO, abi::NEVER] {
        let (memory, from) = (memfd(0), File::open(&src).unwrap());
        assert_eq!(abi::copy_fd(from.as_raw_fd(), memory.as_raw_fd(), &options(mode)).0, 0);
        let back = rw(&files::file(&room.path("back"), b""));
        assert_eq!(abi::copy_fd(memory.as_raw_fd(), back.as_raw_fd(), &options(mode)).0, 0);
        files::assert_same(&src, &room.path("back"));
    }
    let sealed = memfd(libc::MFD_ALLOW_SEALING);
    sealed.write_all_at(b"precious", 0).unwrap();
    assert_eq!(unsafe { libc::fcntl(sealed.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_WRITE) }, 0);
    for mode in [abi::AUTO, abi::NEVER] {
        let from = File::open(&src).unwrap();
        assert_eq!(both(from.as_raw_fd(), sealed.as_raw_fd(), mode), [-libc::EPERM; 2]);
    }
    let mut content = [0; 8];
    sealed.read_exact_at(&mut content, 0).unwrap();
    assert_eq!((&content, sealed.metadata().unwrap().len()), (b"precious", 8));
}

/// A size that a seal forbids, and one that it does not.
fn seals_are_known_before_a_byte_is_written(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(50, 100_000));
    for (seal, forbidden, allowed) in
        [(libc::F_SEAL_GROW, 99_999, 100_000), (libc::F_SEAL_SHRINK, 100_001, 100_000)]
    {
        for (size, code) in [(forbidden, -libc::EPERM), (allowed, 0)] {
            let (memory, from) = (memfd(libc::MFD_ALLOW_SEALING), File::open(&src).unwrap());
            memory.set_len(size).unwrap();
            assert_eq!(unsafe { libc::fcntl(memory.as_raw_fd(), libc::F_ADD_SEALS, seal) }, 0);
            assert_eq!(abi::copy_fd(from.as_raw_fd(), memory.as_raw_fd(), &options(abi::NEVER)).0, code);
            let mut first = [0];
            memory.read_exact_at(&mut first, 0).unwrap();
            assert_eq!(first == [0], code != 0 || fs::read(&src).unwrap()[0] == 0, "nothing is written");
        }
    }
}
