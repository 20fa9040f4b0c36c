//! What a copy does to the process it runs in and to others beside it: whoever waits for a FIFO's reader, whoever holds a lease.
//! (Cancelled threads: `tests/c/cancelled.c`.)

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::abi::{self, Options};
use crate::child::{self, Child};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::{Contract, Where, skip};

pub const ALL: &[Contract] = &[
    Contract("a_fifo_is_refused_unopened", Where::Everywhere, a_fifo_is_refused_unopened),
    Contract("a_lease_on_the_source_is_waited_for", Where::Only("xfs-4k"), a_lease_is_waited_for),
    Contract("a_lease_on_the_source_is_waited_for", Where::Only("ext4"), a_lease_is_waited_for),
    Contract("a_lease_on_the_source_is_waited_for", Where::Only("tmpfs"), a_lease_is_waited_for),
];

pub const CHILDREN: &[Child] = &[("lease-holder", lease_holder)];

/// A writer that waits for a reader would believe to have one, and be killed by SIGPIPE when it is gone again.
fn a_fifo_is_refused_unopened(place: &Place) {
    let room = Room::new(&place.dir);
    let fifo = files::fifo(&room.path("fifo"));
    std::os::unix::fs::symlink("fifo", room.path("link")).unwrap();
    let reached = Arc::new(AtomicBool::new(false));
    let (seen, name) = (Arc::clone(&reached), fifo.clone());
    let writer = std::thread::spawn(move || {
        let _writing = OpenOptions::new().write(true).open(name).unwrap();
        seen.store(true, Ordering::SeqCst);
    });
    std::thread::sleep(Duration::from_millis(50)); // it waits by now, or will find nobody in any case
    for source in [&fifo, &room.path("link")] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
            let how = Options { durability, ..Options::default() };
            assert_eq!(abi::copy_file(source, &room.path("dst"), &how).0, abi::ERR_NOT_REGULAR);
        }
        assert_eq!(abi::probe(Some(source), &room.0).0, abi::ERR_NOT_REGULAR);
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(!reached.load(Ordering::SeqCst), "the FIFO had a reader for an instant");
    drop(File::open(&fifo).unwrap());
    writer.join().unwrap();
}

/// Samba and NFS servers hold such leases for their clients, and give them back when they are asked to.
fn a_lease_is_waited_for(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(120, 300_000));
    for durability in [abi::ATOMIC, abi::UNSTAGED] {
        let mut holder = child::command("lease-holder", &[src.to_str().unwrap()]);
        let mut holder = holder.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let dst = room.path(&format!("dst-{durability}"));
        let copied = abi::copy_file(&src, &dst, &Options { durability, ..Options::default() });
        let ended = holder.wait().unwrap();
        if said.trim() != "held" {
            skip(format!("no lease is to be had here: {said}"));
        }
        assert_eq!(copied.0, 0, "{:?}", copied.1);
        assert!(ended.success(), "the lease was asked back from its holder: {ended}");
        files::assert_same(&src, &dst);
    }
}

fn lease_holder(arguments: &[String]) {
    unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
    let file = OpenOptions::new().read(true).write(true).open(Path::new(&arguments[0])).unwrap();
    let lease = |command, kind: libc::c_int| unsafe { libc::fcntl(file.as_raw_fd(), command, kind) };
    if lease(libc::F_SETLEASE, libc::F_WRLCK) != 0 {
        println!("{}", std::io::Error::last_os_error());
        return;
    }
    println!("held");
    for _ in 0..1000 {
        if lease(libc::F_GETLEASE, 0) != libc::F_WRLCK {
            std::thread::sleep(Duration::from_millis(100)); // what a server has to write out first
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = fs::remove_file(&arguments[0]);
    panic!("nobody opened the file");
}
