//! One scenario: two volumes, a source, what stands at the destination, what is asked for. It can be set up and run
//! as often as a test wants, and is the same world each time, call for call.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::AtomicI32;

use crate::copy::{IfExists, Options, Progress, Report, descriptor, file, range};
use crate::error::Result;
use crate::sys::Fd;
use crate::sys::Sys;
use crate::sys::model::disk::{Ino, KernelCopy, Traits, What};
use crate::sys::model::system::{Apple, FreeBsd, System, Windows};
use crate::sys::model::watch::Callers;
use crate::sys::model::{CWD, Model};

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    File,
    Descriptor,
    Range { src_offset: u64, dst_offset: u64, length: u64 },
}

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Five blocks of 1 KiB and 100 bytes.
    Plain,
    /// Four whole blocks.
    Aligned,
    /// 100 bytes.
    Tiny,
    Empty,
    /// A block, two of hole, a block and a half, three of hole.
    Sparse,
    /// Nothing but a hole of three blocks and a half.
    Hole,
    /// As in procfs: size 0, 1500 bytes to read.
    Pseudo,
    /// As in sysfs: size 4096, 30 bytes to read.
    Sysfs,
    /// 2.5 GiB, of which a few blocks are there.
    Huge,
    /// As large as a file can be, with a block at the beginning and one at the end.
    Largest,
}

/// What stands where the copy is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    Nothing,
    /// A file of that many bytes.
    File(u64),
    Symlink,
    /// A symbolic link to a file of that many bytes.
    LinkTo(u64),
    /// The source itself, for ranges.
    Source,
}

/// A scenario.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub api: Api,
    pub options: Options,
    /// The source's volume.
    pub from: Traits,
    /// The destination's; the same one where they are equal.
    pub to: Traits,
    pub source: Source,
    pub there: There,
    /// A progress function is given.
    pub watched: bool,
    /// What else is to be arranged before it starts.
    pub arrange: fn(&Bench),
}

/// A scenario set up.
pub(crate) struct Bench {
    pub model: Model,
    pub source: Ino,
    /// The destination's directory.
    pub directory: Ino,
    pub from_directory: Ino,
    /// The caller's descriptors.
    pub src: Fd,
    pub dst: Fd,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub result: Result<()>,
    pub report: Report,
    /// What the progress function was told.
    pub told: Vec<(u64, u64)>,
}

/// Bytes of which no two stretches are alike.
pub(crate) fn noise(length: usize, seed: usize) -> Vec<u8> {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let all = BYTES
        .get_or_init(|| (0..64 << 10).map(|at: usize| (at / 7 * 13 + at / 256 + at) as u8 | 1).collect());
    all[seed * 1001..][..length].to_vec()
}

fn has_holes(what: &What) -> bool {
    matches!(what, What::File(data) if data.allocated() < data.size)
}

impl Scenario {
    pub(crate) fn new(api: Api, volume: Traits) -> Self {
        Self {
            api,
            options: Options::default(),
            from: volume,
            to: volume,
            source: Source::Plain,
            there: There::Nothing,
            watched: false,
            arrange: |_| {},
        }
    }

    pub(crate) fn file() -> Self {
        Self::new(Api::File, Traits::XFS)
    }

    /// The world as it is before the call.
    pub(crate) fn set_up(&self) -> Bench {
        let same = self.from == self.to;
        let model = Model::new(if same { vec![self.from] } else { vec![self.from, self.to] });
        let mut world = model.world_mut();
        let from_directory = world.disk.add_directory("from", 0);
        let directory = world.disk.add_directory("to", usize::from(!same));
        let source = self.make_source(&mut world.disk, from_directory);
        let inode = &mut world.disk.inodes[source];
        (inode.owner, inode.group) = (1000, 100);
        if self.from.system == System::Windows {
            (inode.owner, inode.group, inode.mode) = (0, 0, 0o666); // which it has not
            inode.sparse = has_holes(&inode.what);
        }
        world.kernel_copy_usable = self.to.kernel_copy != KernelCopy::Refuses(crate::sys::errno::ENOSYS);
        let target = match self.there {
            There::Nothing => None,
            There::Source => Some(source),
            There::Symlink => {
                Some(world.disk.add(directory, "copy", What::Symlink(b"elsewhere".to_vec()), 0o777))
            }
            There::File(size) => {
                let content = noise(size as usize, 9);
                Some(world.disk.add_file(directory, "copy", &[Some(&content)], 0o606))
            }
            There::LinkTo(size) => {
                world.disk.add(directory, "copy", What::Symlink(b"elsewhere".to_vec()), 0o777);
                let content = noise(size as usize, 9);
                Some(world.disk.add_file(directory, "elsewhere", &[Some(&content)], 0o606))
            }
        };
        drop(world);
        let src = model.open_for_caller(source, true, false, false);
        let dst = target.map_or(-1, |ino| model.open_for_caller(ino, false, true, false));
        let bench = Bench { model, source, directory, from_directory, src, dst };
        (self.arrange)(&bench);
        bench.watch(self, target);
        bench
    }

    fn make_source(&self, disk: &mut crate::sys::model::disk::Disk, directory: Ino) -> Ino {
        let bytes = noise(6000, 1);
        let (block, half) = (&bytes[..1024], &bytes[2000..3536]);
        let pieces: Vec<Option<&[u8]>> = match self.source {
            Source::Plain => vec![Some(&bytes[..5220])],
            Source::Aligned => vec![Some(&bytes[..4096])],
            Source::Tiny => vec![Some(&bytes[..100])],
            Source::Empty => vec![],
            Source::Sparse => vec![Some(block), None, None, Some(half)],
            Source::Hole | Source::Huge | Source::Largest => vec![None],
            Source::Pseudo => {
                let what = What::Pseudo { content: noise(1500, 3), size: 0 };
                return disk.add(directory, "source", what, 0o640);
            }
            Source::Sysfs => {
                let what = What::Pseudo { content: noise(30, 3), size: 4096 };
                return disk.add(directory, "source", what, 0o640);
            }
        };
        let source = disk.add_file(directory, "source", &pieces, 0o640);
        disk.change(source, |data| match self.source {
            Source::Sparse => data.set_size(data.size.next_multiple_of(1024) + 3 * 1024),
            Source::Hole => data.set_size(3500),
            Source::Huge => {
                data.set_size((5 << 29) + 100);
                for at in [0, 1 << 30, (5 << 29) - 1000] {
                    data.write(at, &bytes[..2000.min(data.size as usize)]);
                }
                data.set_size((5 << 29) + 100);
            }
            Source::Largest => {
                data.write(0, &bytes[..1024]);
                data.write(i64::MAX as u64 - 100, &bytes[..100]);
            }
            _ => {}
        });
        source
    }

    /// Whether it writes into a file that is there: the caller's, or with OVERWRITE the one that has the name.
    pub(crate) fn in_place(&self) -> bool {
        let overwrites = self.options.if_exists == IfExists::Overwrite;
        let there = match self.there {
            There::File(_) => true,
            There::LinkTo(_) => self.options.follow_destination,
            _ => false,
        };
        self.api != Api::File || (overwrites && there)
    }

    /// Runs it on a world that was set up.
    pub(crate) fn run(&self, bench: &Bench) -> Outcome {
        self.run_telling(bench, |_, _| true)
    }

    /// The same with a progress function, where the scenario has one.
    pub(crate) fn run_telling(&self, bench: &Bench, answer: impl Fn(u64, u64) -> bool) -> Outcome {
        self.run_cancellable(bench, answer, None)
    }

    /// The same with a flag that may ask to stop.
    pub(crate) fn run_cancellable(
        &self,
        bench: &Bench,
        answer: impl Fn(u64, u64) -> bool,
        flag: Option<&AtomicI32>,
    ) -> Outcome {
        let told = RefCell::new(Vec::new());
        let mut callback = |done, total| {
            told.borrow_mut().push((done, total));
            answer(done, total)
        };
        let mut progress =
            Progress::new(if self.watched { Some(&mut callback) } else { None }).cancelled_by(flag);
        let model = &bench.model;
        let result = match self.to.system {
            System::Linux => self.call(model, bench, &mut progress),
            System::Windows => self.call(&model.by::<Windows>(), bench, &mut progress),
            System::Apple { .. } => self.call(&model.by::<Apple>(), bench, &mut progress),
            System::FreeBsd { .. } => self.call(&model.by::<FreeBsd>(), bench, &mut progress),
        };
        let report = progress.report;
        Outcome { result, report, told: told.into_inner() }
    }

    /// The call itself, by one system's calls.
    fn call(&self, sys: &impl Sys, bench: &Bench, progress: &mut Progress) -> Result<()> {
        match self.api {
            Api::File => {
                let request = file::Request {
                    src_dir: CWD,
                    src: c"from/source",
                    dst_dir: CWD,
                    dst: c"to/copy",
                    options: &self.options,
                };
                file::copy(sys, &request, progress)
            }
            Api::Descriptor => descriptor::copy(sys, (bench.src, bench.dst), &self.options, progress),
            Api::Range { src_offset, dst_offset, length } => {
                let range = range::Range { src: bench.src, src_offset, dst: bench.dst, dst_offset, length };
                range::copy(sys, &range, &self.options, progress)
            }
        }
    }

    /// Sets up and runs.
    pub(crate) fn play(&self) -> (Bench, Outcome) {
        let bench = self.set_up();
        let outcome = self.run(&bench);
        (bench, outcome)
    }

    /// The range of the destination that may be written, and the one of the source it comes from.
    pub(crate) fn ranges(&self, bench: &Bench) -> (Range<u64>, Range<u64>) {
        let size = bench.source_size();
        match self.api {
            Api::Range { src_offset, dst_offset, length } => {
                let length = length.min(size.saturating_sub(src_offset));
                (dst_offset..dst_offset.saturating_add(length), src_offset..src_offset.saturating_add(length))
            }
            _ => (0..size, 0..size),
        }
    }
}

impl Bench {
    fn watch(&self, scenario: &Scenario, target: Option<Ino>) {
        let range = scenario.ranges(self).0;
        let mut world = self.model.world_mut();
        let target = target.filter(|_| scenario.in_place());
        let callers = target.map(|ino| Callers {
            ino,
            range,
            may_shrink: !matches!(scenario.api, Api::Range { .. }),
            before: world.disk.data(ino).clone(),
            mode: world.disk.inodes[ino].mode,
        });
        let (umask, keeps_umask_out) = (world.umask, world.disk.inodes[self.directory].default_acl.is_some());
        let watch = &mut world.watch;
        watch.source = Some(self.source);
        watch.callers = callers;
        if !scenario.in_place() {
            watch.name = Some((self.directory, b"copy".to_vec()));
        }
        watch.unstaged = scenario.options.durability == crate::copy::Durability::Unstaged;
        watch.permissions = scenario.options.permissions;
        watch.umask = if keeps_umask_out { 0 } else { umask };
        watch.with_owner = scenario.options.preserve.owner;
        // What a directory's list lets in by inheritance is in from the first instant on these.
        let at_once = matches!(scenario.to.system, System::Apple { .. } | System::FreeBsd { .. });
        watch.acl_asked = scenario.options.preserve.acl;
        watch.with_acl = scenario.options.preserve.acl && !at_once;
        // Windows keeps of a mode whether it is read-only.
        watch.modes_differ = !scenario.to.modes || scenario.to.system == System::Windows;
        watch.sticky_comes = matches!(scenario.to.system, System::Apple { .. });
        watch.best_effort = scenario.options.best_effort_metadata;
        let world = &mut *world;
        world.watch.start(&world.disk);
    }

    /// The bytes that the source holds.
    pub(crate) fn source_size(&self) -> u64 {
        match &self.model.world().disk.inodes[self.source].what {
            What::Pseudo { content, .. } => content.len() as u64,
            What::File(data) => data.size,
            _ => 0,
        }
    }

    /// What stands under the destination's name.
    pub(crate) fn there(&self) -> Option<Ino> {
        self.model.world().disk.lookup(self.directory, b"copy")
    }

    /// The file that is written in place.
    pub(crate) fn overwritten(&self) -> Option<Ino> {
        self.model.world().watch.callers.as_ref().map(|callers| callers.ino)
    }

    /// The names beside source and destination, which must be none.
    pub(crate) fn litter(&self) -> Vec<String> {
        let world = self.model.world();
        let expected: [&[u8]; 4] = [b"from", b"to", b"source", b"copy"];
        let names =
            world.disk.all_names().into_iter().filter(|(_, name, ino)| {
                !expected.contains(&name.as_slice()) && world.disk.inodes[*ino].engines
            });
        names.map(|(_, name, _)| String::from_utf8_lossy(&name).into_owned()).collect()
    }

    /// Whether a file holds what the source does.
    pub(crate) fn is_copy(&self, ino: Ino) -> bool {
        crate::sys::model::watch::same_as_source(&self.model.world().disk, self.source, ino)
    }

    /// Changes the world before the call.
    pub(crate) fn disk(&self, change: impl FnOnce(&mut crate::sys::model::disk::Disk)) {
        change(&mut self.model.world_mut().disk);
    }
}
