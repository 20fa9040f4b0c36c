//! The model against the kernel it stands for: the same calls on both, with the same answers.
//! Only what does not depend on the file system under the temporary directory; the clone's own rules are tests of their own.

use core::ffi::CStr;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::data::Data;
use super::disk::{ROOT, Traits, What};
use super::{CWD, Model};
use crate::sys::errno::*;
use crate::sys::{Common, Errno, Extensions, Fd, Native, Result, Sys};

/// A directory of the real file system, gone again at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("reflink-model-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a call answers, without what no two systems share (descriptors).
fn told<T>(answer: Result<T>, show: impl FnOnce(T) -> String) -> String {
    match answer {
        Ok(value) => show(value),
        Err(Errno(errno)) => format!("errno {errno}"),
    }
}

fn done(answer: Result<()>) -> String {
    told(answer, |()| "done".into())
}

/// The story: each line is one answer. `there` holds "file" (3000 bytes), "link" to it, "directory"
/// and "fifo".
fn story<S: Sys>(sys: &S, there: Fd) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |what: &str, answer: String| lines.push(format!("{what}: {answer}"));
    let opened = |answer: Result<Fd>| told(answer, |_| "opened".into());
    let open = |name: &CStr, follow| sys.open_source(there, name, follow);

    say("a link followed", opened(open(c"link", true)));
    say("a link not followed", opened(open(c"link", false)));
    say("nothing", opened(open(c"nothing", true)));
    say("a file as a directory", opened(open(c"file/x", true)));
    say("no name", opened(open(c"", true)));
    say("a fifo", opened(open(c"fifo", true)));
    say("a directory", opened(open(c"directory", true)));
    say("a directory of a file", opened(sys.open_directory(there, c"file", false)));
    say("a directory that is not", opened(sys.open_directory(there, c"nothing", false)));
    say("a new file over a link", opened(sys.create_new(there, c"link", 0o600)));
    say("a new file over a file", opened(sys.create_new(there, c"file", 0o600)));
    say("a new file nowhere", opened(sys.create_new(there, c"nowhere/new", 0o600)));
    say("stat of nothing", told(sys.stat_name(there, c"nothing"), |_| "there".into()));
    say("stat of a link", told(sys.stat_name(there, c"link"), |stat| format!("{:?}", stat.kind)));
    say("stat of a fifo", told(sys.stat_name(there, c"fifo"), |stat| format!("{:?}", stat.kind)));

    let file = open(c"file", true).unwrap();
    let new = sys.create_new(there, c"new", 0o640).unwrap();
    let mut buffer = [9_u8; 100];
    let number = |answer: Result<usize>| told(answer, |count| count.to_string());
    say("a read across the end", number(sys.read_at(file, &mut buffer, 2950)));
    say("a read at the end", number(sys.read_at(file, &mut buffer, 3000)));
    say("a read beyond it", number(sys.read_at(file, &mut buffer, 9000)));
    say("a read of a file open for writing", number(sys.read_at(new, &mut buffer, 0)));
    say("a write to a file open for reading", number(sys.write_at(file, b"x", 0)));
    say("a size for it", done(sys.set_size(file, 0)));
    say("a write", number(sys.write_at(new, b"hello", 10)));
    say("what it made", told(sys.stat(new), |stat| format!("{} {:o}", stat.size, stat.mode)));
    say("a shorter size", done(sys.set_size(new, 12)));
    say("a longer size", done(sys.set_size(new, 14)));
    let again = open(c"new", true).unwrap();
    say("what is there", number(sys.read_at(again, &mut buffer, 0)));
    say("namely", format!("{:?}", &buffer[..14]));
    say("data beyond the end", told(sys.seek_data(file, 3000), |at| at.to_string()));
    say("a hole beyond the end", told(sys.seek_hole(file, 3000), |at| at.to_string()));
    say("the hole of a file without one", told(sys.seek_hole(file, 0), |at| at.to_string()));
    say("the data of it", told(sys.seek_data(file, 100), |at| at.to_string()));
    let access = |fd| told(sys.access(fd), |access| format!("{access:?}"));
    say("access", format!("{} {} {}", access(file), access(new), access(there)));

    say("a mode", done(sys.set_mode(new, 0o4751)));
    say("seen", told(sys.stat(new), |stat| format!("{:o}", stat.mode)));
    say("a sync", done(sys.sync(new)));
    let path = sys.open_directory(there, c".", false).unwrap();
    say("a sync of a path", done(sys.sync(path)));
    let directory = sys.open_directory(there, c".", true).unwrap();
    say("a sync of a directory", done(sys.sync(directory)));

    say("a rename over nothing", done(sys.rename_over(there, c"new", there, c"newer")));
    say("of what is gone", done(sys.rename_over(there, c"new", there, c"newer")));
    say("that must not replace", done(sys.rename_new(there, c"newer", there, c"file")));
    say("onto a directory", done(sys.rename_over(there, c"newer", there, c"directory")));
    say("onto a link", done(sys.rename_over(there, c"newer", there, c"link")));
    say("a second name", done(sys.link(there, c"link", there, c"second")));
    say("that exists", done(sys.link(there, c"link", there, c"second")));
    say("a rename to itself", done(sys.rename_over(there, c"second", there, c"link")));
    say("is none", told(sys.stat_name(there, c"second"), |stat| format!("{:?}", stat.kind)));
    say("a removal", done(sys.unlink(there, c"second")));
    say("of what is gone", done(sys.unlink(there, c"second")));
    say("of a directory", done(sys.unlink(there, c"directory")));
    for fd in [file, new, again, path, directory] {
        say("a close", done(sys.close(fd)));
    }
    lines
}

#[test]
fn the_model_answers_as_the_kernel_does() {
    let temporary = Temporary::new();
    let at = |name: &str| temporary.0.join(name);
    std::fs::write(at("file"), [7; 3000]).unwrap();
    std::os::unix::fs::symlink("file", at("link")).unwrap();
    std::fs::create_dir(at("directory")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    let path = CString::new(temporary.0.as_os_str().as_bytes()).unwrap();
    let real = Native.open_directory(crate::sys::CWD, &path, true).unwrap();
    let kernel = story(&Native, real);
    Native.close(real).unwrap();

    let model = Model::new(vec![Traits::XFS]);
    let mut world = model.world_mut();
    let there = world.disk.add_directory("there", 0);
    let ino = world.disk.add_file(there, "file", &[Some(&[7; 3000])], 0o644);
    world.disk.inodes[ino].engines = true; // so that the story may try to change it
    world.disk.add(there, "link", What::Symlink(b"file".to_vec()), 0o777);
    world.disk.add(there, "directory", What::Directory(Default::default()), 0o755);
    world.disk.add(there, "fifo", What::Fifo, 0o644);
    drop(world);
    let directory = model.open_directory(CWD, c"there", true).unwrap();
    let modelled = story(&model, directory);
    // The stand-in for other Unixes opens a directory as they do, and has no rename that does not replace.
    let portable = ["a sync of a path: done", "that must not replace: errno 95"];
    for (kernel, model) in kernel.iter().zip(&modelled) {
        assert!(
            kernel == model || (cfg!(reflink_portable) && portable.contains(&kernel.as_str())),
            "{kernel}, {model}"
        );
    }
    assert_eq!(kernel.len(), modelled.len());
}

/// The table of ioctl_ficlonerange(2) and what XFS and Btrfs were seen to answer (Linux 6.18).
#[test]
fn clones_follow_the_kernels_rules() {
    let model = Model::new(vec![Traits::XFS]);
    let mut world = model.world_mut();
    let src = world.disk.add_file(ROOT, "src", &[Some(&[1; 5000])], 0o600);
    let dst = world.disk.add_file(ROOT, "dst", &[Some(&[2; 9000])], 0o600);
    world.disk.inodes[dst].engines = true;
    drop(world);
    let (from, to) =
        (model.open_for_caller(src, true, false, false), model.open_for_caller(dst, false, true, false));
    let invalid = Err(Errno(EINVAL));
    assert_eq!(model.clone_file(from, to), invalid, "the last partial block would land inside");
    assert_eq!(model.clone_range(from, 0, 4096, to, 0), Ok(()));
    assert_eq!(model.clone_range(from, 0, 4097, to, 0), invalid);
    assert_eq!(model.clone_range(from, 1, 1024, to, 0), invalid);
    assert_eq!(model.clone_range(from, 0, 1024, to, 1), invalid);
    assert_eq!(model.clone_range(from, 4096, 1024, to, 0), invalid, "past the end");
    assert_eq!(model.clone_range(from, 8192, 1024, to, 0), invalid, "beyond it");
    assert_eq!(model.clone_range(from, 1 << 62, u64::MAX, to, 0), invalid);
    assert_eq!(model.clone_range(from, 4096, 904, to, 9216), Ok(()), "to the end of both");
    assert_eq!(model.world().disk.data(dst).size, 9216 + 904);
    assert_eq!(model.clone_nothing(from, 5000, to), Ok(()));
    assert_eq!(model.world().disk.data(dst).size, 9216 + 904, "never shorter");
    model.world_mut().disk.change(dst, |data: &mut Data| data.set_size(0));
    assert_eq!(model.clone_file(from, to), Ok(()));
    let world = model.world();
    let found = world.disk.data(dst).sharing(0, world.disk.data(src), 0, 5000);
    assert_eq!((world.disk.data(dst).size, found.shared), (5000, 5000));
}
