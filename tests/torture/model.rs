//! An exerciser after the manner of fsx: files on a real file system, the same files in memory, and chance between them.
//! Copies by this library are mixed with what programs do to files meanwhile: writes, mmap, truncation, holes, dedupe.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Instant;

use crate::abi::{self, Options};
use crate::dedupe;
use crate::files::{self, Room};
use crate::lab::Place;
use crate::seed::{self, Random};

const FILES: usize = 3;

/// How many of the last operations a failure shows.
const REMEMBERED: usize = 24;

/// One thing done, as a failure shows it: offsets and lengths in bytes, files by number.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // the fields are for people
enum Step {
    Write { file: usize, at: u64, length: u64 },
    Map { file: usize, at: u64, length: u64 },
    Truncate { file: usize, size: u64 },
    Punch { file: usize, at: u64, length: u64 },
    Zero { file: usize, at: u64, length: u64 },
    Allocate { file: usize, at: u64, length: u64 },
    Dedupe { src: usize, src_at: u64, dst: usize, dst_at: u64, length: u64 },
    Range { src: usize, src_at: u64, dst: usize, dst_at: u64, length: u64, mode: u32 },
    CopyFd { src: usize, dst: usize, mode: u32 },
    CopyFile { src: usize, dst: usize, mode: u32, durability: u32 },
    NewFile { src: usize, mode: u32, durability: u32 },
    Sync { file: usize },
    Forget { file: usize },
    Read { file: usize, at: u64, length: u64 },
    CheckAll,
}

/// A file and what it must hold.
struct Pair {
    path: PathBuf,
    file: File,
    shadow: Vec<u8>,
}

impl Pair {
    fn open(path: PathBuf) -> Self {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
        Self { path, file, shadow: Vec::new() }
    }

    fn size(&self) -> u64 {
        self.shadow.len() as u64
    }

    fn grow_to(&mut self, end: u64) {
        if end > self.size() {
            self.shadow.resize(end as usize, 0);
        }
    }

    fn set(&mut self, at: u64, data: &[u8]) {
        self.grow_to(at + data.len() as u64);
        self.shadow[at as usize..at as usize + data.len()].copy_from_slice(data);
    }

    fn check(&self, at: u64, length: u64) -> Result<(), String> {
        let end = (at + length).min(self.size());
        let expected = &self.shadow[at.min(end) as usize..end as usize];
        let mut found = vec![0x5a; expected.len()];
        self.file.read_exact_at(&mut found, at.min(end)).map_err(|error| error.to_string())?;
        if found == expected {
            return Ok(());
        }
        let first = found.iter().zip(expected).position(|(a, b)| a != b).unwrap();
        let wrong = found.iter().zip(expected).filter(|(a, b)| a != b).count();
        Err(format!(
            "{}: {wrong} bytes differ from {} on: {:02x?} instead of {:02x?}",
            self.path.display(),
            at + first as u64,
            &found[first..(first + 8).min(found.len())],
            &expected[first..(first + 8).min(expected.len())]
        ))
    }

    fn check_all(&self) -> Result<(), String> {
        let size = self.file.metadata().unwrap().len();
        if size != self.size() {
            return Err(format!("{}: {size} bytes instead of {}", self.path.display(), self.size()));
        }
        self.check(0, size)
    }
}

/// What a run did, for the figures.
#[derive(Default, Debug)]
struct Tally {
    steps: u64,
    copies: u64,
    cloned: u64,
    copied: u64,
    holes: u64,
    refused: u64,
    deduped: u64,
}

struct Model<'p> {
    place: &'p Place,
    room: Room,
    files: Vec<Pair>,
    random: Random,
    last: VecDeque<Step>,
    tally: Tally,
    most: u64,
    unit: u64,
}

impl<'p> Model<'p> {
    fn new(place: &'p Place, seed: u64) -> Self {
        let room = Room::new(&place.dir);
        let files = (0..FILES).map(|number| Pair::open(room.path(&format!("file-{number}")))).collect();
        let unit = place.block.max(1024);
        Self {
            place,
            room,
            files,
            random: Random::new(seed, place.name),
            last: VecDeque::new(),
            tally: Tally::default(),
            most: (unit * 64).clamp(256 << 10, 2 << 20),
            unit,
        }
    }

    /// An offset: often on a block's boundary or one byte beside it, where the mistakes are.
    fn offset(&mut self, end: u64) -> u64 {
        let any = self.random.below(end + 1);
        match self.random.below(8) {
            0..=3 => any / self.unit * self.unit,
            4 => (any / self.unit * self.unit + 1).min(end),
            5 => (any / self.unit * self.unit).saturating_sub(1),
            _ => any,
        }
    }

    fn length(&mut self, most: u64) -> u64 {
        let any = 1 + self.random.below(most.max(1));
        match self.random.below(6) {
            0..=2 => (any / self.unit * self.unit).max(1).min(most.max(1)),
            3 => any.min(self.unit),
            _ => any,
        }
    }

    fn file(&mut self) -> usize {
        self.random.below(FILES as u64) as usize
    }

    fn two(&mut self) -> (usize, usize) {
        let src = self.file();
        (src, (src + 1 + self.random.below(FILES as u64 - 1) as usize) % FILES)
    }

    fn mode(&mut self) -> u32 {
        *self.random.pick(&[abi::AUTO, abi::AUTO, abi::ALWAYS, abi::NEVER])
    }

    /// A place inside a file, or past its end where `beyond`.
    fn stretch(&mut self, file: usize, beyond: bool) -> (u64, u64) {
        let end = if beyond { self.most - 1 } else { self.files[file].size() };
        let at = self.offset(end);
        let length = self.length((self.most - at).min(self.most / 4));
        (at, length)
    }

    fn choose(&mut self) -> Step {
        let file = self.file();
        match self.random.below(100) {
            0..=13 => {
                let (at, length) = self.stretch(file, true);
                Step::Write { file, at, length }
            }
            14..=19 => {
                let (at, length) = self.stretch(file, false);
                Step::Map { file, at, length }
            }
            20..=25 => Step::Truncate { file, size: self.offset(self.most) },
            26..=31 => {
                let (at, length) = self.stretch(file, false);
                Step::Punch { file, at, length }
            }
            32..=33 => {
                let (at, length) = self.stretch(file, true);
                Step::Zero { file, at, length }
            }
            34..=36 => {
                let (at, length) = self.stretch(file, true);
                Step::Allocate { file, at, length }
            }
            37..=41 => self.choose_dedupe(),
            42..=71 => self.choose_range(),
            72..=77 => {
                let (src, dst) = self.two();
                Step::CopyFd { src, dst, mode: self.mode() }
            }
            78..=83 => {
                let (src, dst) = self.two();
                // Durable copies wait for the disk: a few are enough.
                let durability = *self.random.pick(&[
                    abi::ATOMIC,
                    abi::ATOMIC,
                    abi::UNSTAGED,
                    abi::UNSTAGED,
                    abi::DURABLE,
                ]);
                Step::CopyFile { src, dst, mode: self.mode(), durability }
            }
            84..=86 => {
                let durability = *self.random.pick(&[abi::ATOMIC, abi::UNSTAGED]);
                Step::NewFile { src: file, mode: self.mode(), durability }
            }
            87 => Step::Sync { file },
            88 => Step::Forget { file },
            89 => Step::CheckAll,
            _ => {
                let (at, length) = self.stretch(file, false);
                Step::Read { file, at, length }
            }
        }
    }

    fn choose_range(&mut self) -> Step {
        let (src, dst) = if self.random.one_in(4) {
            let file = self.file();
            (file, file)
        } else {
            self.two()
        };
        let src_at = self.offset(self.files[src].size());
        let mut dst_at = self.offset(self.most - 1);
        if self.random.one_in(3) {
            // The same place within a block, so that the middle can be cloned.
            dst_at = (dst_at / self.unit * self.unit + src_at % self.unit).min(self.most - 1);
        }
        let length = match self.random.below(6) {
            0 => abi::TO_EOF,
            _ => self.length(self.most / 2),
        };
        Step::Range { src, src_at, dst, dst_at, length, mode: self.mode() }
    }

    fn choose_dedupe(&mut self) -> Step {
        let (src, dst) = self.two();
        let src_at = self.offset(self.files[src].size()) / self.unit * self.unit;
        let dst_at = self.offset(self.files[dst].size()) / self.unit * self.unit;
        let length = self.unit * (1 + self.random.below(8));
        Step::Dedupe { src, src_at, dst, dst_at, length }
    }

    fn step(&mut self) -> Result<(), String> {
        let step = self.choose();
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(step);
        self.tally.steps += 1;
        match step {
            Step::Write { file, at, length } => {
                let data = files::bytes(self.random.next(), length as usize);
                self.files[file].file.write_all_at(&data, at).map_err(|error| error.to_string())?;
                self.files[file].set(at, &data);
                Ok(())
            }
            Step::Map { file, at, length } => self.map(file, at, length),
            Step::Truncate { file, size } => {
                let pair = &mut self.files[file];
                pair.file.set_len(size).map_err(|error| error.to_string())?;
                pair.shadow.resize(size as usize, 0);
                Ok(())
            }
            Step::Punch { file, at, length } => {
                self.allocate(file, libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE, at, length)
            }
            Step::Zero { file, at, length } => self.allocate(file, libc::FALLOC_FL_ZERO_RANGE, at, length),
            Step::Allocate { file, at, length } => self.allocate(file, 0, at, length),
            Step::Dedupe { src, src_at, dst, dst_at, length } => {
                self.dedupe((src, src_at), (dst, dst_at), length);
                Ok(())
            }
            Step::Range { src, src_at, dst, dst_at, length, mode } => {
                self.range((src, src_at), (dst, dst_at), length, mode)
            }
            Step::CopyFd { src, dst, mode } => self.copy_fd(src, dst, mode),
            Step::CopyFile { src, dst, mode, durability } => self.copy_file(src, dst, mode, durability),
            Step::NewFile { src, mode, durability } => self.new_file(src, mode, durability),
            Step::Sync { file } => self.files[file].file.sync_all().map_err(|error| error.to_string()),
            Step::Forget { file } => self.forget(file),
            Step::Read { file, at, length } => self.files[file].check(at, length),
            Step::CheckAll => self.check_all(),
        }
    }

    fn check_all(&self) -> Result<(), String> {
        self.files.iter().try_for_each(Pair::check_all)?;
        let names = self.room.names();
        if names.len() == FILES { Ok(()) } else { Err(format!("litter: {names:?}")) }
    }

    /// Writes through a mapping, inside the file.
    fn map(&mut self, file: usize, at: u64, length: u64) -> Result<(), String> {
        let pair = &mut self.files[file];
        let end = (at + length).min(pair.size());
        if at >= end {
            return Ok(());
        }
        let data = files::bytes(self.random.next(), (end - at) as usize);
        let size = pair.shadow.len();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let fd = pair.file.as_raw_fd();
        unsafe {
            let mapped = libc::mmap(std::ptr::null_mut(), size, protection, libc::MAP_SHARED, fd, 0);
            if mapped == libc::MAP_FAILED {
                return Err(format!("mmap: {}", std::io::Error::last_os_error()));
            }
            let target = mapped.cast::<u8>().add(at as usize);
            std::ptr::copy_nonoverlapping(data.as_ptr(), target, data.len());
            libc::munmap(mapped, size);
        }
        pair.set(at, &data);
        Ok(())
    }

    fn allocate(&mut self, file: usize, how: i32, at: u64, length: u64) -> Result<(), String> {
        let pair = &mut self.files[file];
        let done = unsafe {
            libc::fallocate64(pair.file.as_raw_fd(), how, at as libc::off64_t, length as libc::off64_t)
        };
        if done != 0 {
            let error = std::io::Error::last_os_error();
            // tmpfs has no FALLOC_FL_ZERO_RANGE.
            let lacking = error.raw_os_error() == Some(libc::EOPNOTSUPP);
            return if lacking { Ok(()) } else { Err(format!("fallocate: {error}")) };
        }
        let end = at + length;
        if how & libc::FALLOC_FL_KEEP_SIZE == 0 {
            pair.grow_to(end);
        }
        if how != 0 {
            let end = end.min(pair.size());
            if at < end {
                pair.shadow[at as usize..end as usize].fill(0);
            }
        }
        Ok(())
    }

    /// What a deduplicating tool does behind the library's back: it may share, and must change nothing.
    fn dedupe(&mut self, src: (usize, u64), dst: (usize, u64), length: u64) {
        let (from, to) = (self.files[src.0].file.as_raw_fd(), self.files[dst.0].file.as_raw_fd());
        if dedupe::ranges((from, src.1), (to, dst.1), length) == Some(0) {
            self.tally.deduped += 1;
        }
    }

    fn forget(&mut self, file: usize) -> Result<(), String> {
        let pair = &self.files[file];
        pair.file.sync_all().map_err(|error| error.to_string())?;
        unsafe { libc::posix_fadvise64(pair.file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        pair.check_all()
    }

    fn note(&mut self, outcome: &abi::Outcome) {
        self.tally.copies += 1;
        self.tally.cloned += outcome.cloned;
        self.tally.copied += outcome.copied;
        self.tally.holes += outcome.holes;
    }

    /// A refusal that the mode allows: nothing may have changed then, which the next check would see.
    fn may_refuse(&mut self, mode: u32, code: i32) -> bool {
        let known = [libc::EINVAL, libc::EOPNOTSUPP, libc::EXDEV].contains(&-code);
        self.tally.refused += 1;
        mode == abi::ALWAYS && known
    }

    fn range(
        &mut self,
        (src, src_at): (usize, u64),
        (dst, dst_at): (usize, u64),
        length: u64,
        mode: u32,
    ) -> Result<(), String> {
        let left = self.files[src].size().saturating_sub(src_at);
        let want = length.min(left);
        let want_in_reach = want.min(self.most.saturating_sub(dst_at));
        // The files in memory stay small: a range that would go on is cut, as a caller would.
        let length = if want_in_reach < want { want_in_reach } else { length };
        let want = want_in_reach;
        let (from, to) = (self.files[src].file.as_raw_fd(), self.files[dst].file.as_raw_fd());
        let how = Options { mode, ..Options::default() };
        let (code, outcome) = abi::copy_range((from, src_at), (to, dst_at), length, &how);
        if code == abi::ERR_OVERLAP && src == dst && src_at.abs_diff(dst_at) < want {
            self.tally.refused += 1;
            return Ok(());
        }
        if code != 0 {
            let fine = self.may_refuse(mode, code);
            return if fine && outcome.total() == 0 {
                self.files[dst].check_all()
            } else {
                Err(format!("{code}: {outcome:?}"))
            };
        }
        self.note(&outcome);
        if outcome.total() != want {
            return Err(format!("{} bytes instead of {want}: {outcome:?}", outcome.total()));
        }
        if src == dst && want > 0 && src_at.abs_diff(dst_at) < want {
            return Err("ranges that overlap were copied".into());
        }
        // A partial block at the end is not counted: inside one file the kernel refuses it.
        let whole = self.whole_blocks(src_at, dst_at, want);
        if mode == abi::AUTO && outcome.cloned < whole {
            return Err(format!(
                "{whole} bytes lie on whole blocks of both, and were not all cloned: {outcome:?}"
            ));
        }
        let data =
            self.files[src].shadow[src_at.min(self.files[src].size()) as usize..][..want as usize].to_vec();
        if want > 0 {
            self.files[dst].set(dst_at, &data);
        }
        self.files[dst].check(dst_at, want)
    }

    /// How much of a range lies on whole blocks of both files, and so can be shared whatever else is true.
    fn whole_blocks(&self, src_at: u64, dst_at: u64, length: u64) -> u64 {
        let block = self.place.block;
        if !self.place.clones || src_at % block != dst_at % block {
            return 0;
        }
        let (first, last) = (src_at.div_ceil(block), (src_at + length) / block);
        last.saturating_sub(first) * block
    }

    fn copy_fd(&mut self, src: usize, dst: usize, mode: u32) -> Result<(), String> {
        let (from, to) = (self.files[src].file.as_raw_fd(), self.files[dst].file.as_raw_fd());
        let (code, outcome) = abi::copy_fd(from, to, &Options { mode, ..Options::default() });
        if code != 0 {
            let fine = self.may_refuse(mode, code);
            return if fine { self.files[dst].check_all() } else { Err(format!("{code}: {outcome:?}")) };
        }
        self.note(&outcome);
        self.files[dst].shadow = self.files[src].shadow.clone();
        if outcome.total() != self.files[src].size() {
            return Err(format!("{outcome:?}"));
        }
        self.files[dst].check_all()
    }

    /// Over a file by its name: what was open before stays as it was, and is given up.
    fn copy_file(&mut self, src: usize, dst: usize, mode: u32, durability: u32) -> Result<(), String> {
        let how = Options { mode, durability, if_exists: abi::REPLACE, ..Options::default() };
        let (from, to) = (self.files[src].path.clone(), self.files[dst].path.clone());
        let (code, outcome) = abi::copy_file(&from, &to, &how);
        if code != 0 {
            let fine = self.may_refuse(mode, code);
            return if fine { self.files[dst].check_all() } else { Err(format!("{code}: {outcome:?}")) };
        }
        self.note(&outcome);
        self.files[dst].check_all().map_err(|error| format!("the replaced file: {error}"))?;
        let mut new = Pair::open(to);
        new.shadow = self.files[src].shadow.clone();
        self.files[dst] = new;
        self.files[dst].check_all()
    }

    fn new_file(&mut self, src: usize, mode: u32, durability: u32) -> Result<(), String> {
        let path = self.room.path("new");
        let how = Options { mode, durability, ..Options::default() };
        let (code, outcome) = abi::copy_file(&self.files[src].path.clone(), &path, &how);
        if code != 0 {
            let fine = self.may_refuse(mode, code) && !path.exists();
            return if fine { Ok(()) } else { Err(format!("{code}: {outcome:?}")) };
        }
        self.note(&outcome);
        let mut new = Pair::open(path.clone());
        new.shadow = self.files[src].shadow.clone();
        new.check_all()?;
        fs::remove_file(path).map_err(|error| error.to_string())
    }

    fn run(&mut self, seed: u64) {
        let (began, bound) = (Instant::now(), seed::time(5));
        let operations = seed::operations();
        loop {
            let over = match operations {
                Some(operations) => self.tally.steps >= operations,
                None => began.elapsed() >= bound,
            };
            if over {
                break;
            }
            if let Err(error) = self.step() {
                self.fail(seed, &error);
            }
        }
        if let Err(error) = self.check_all() {
            self.fail(seed, &error);
        }
        println!("model on {}: seed {seed}, {:?} in {:.0?}", self.place.name, self.tally, began.elapsed());
        assert!(self.tally.copies > 0 || self.tally.steps < 100, "nothing was copied");
        assert!(self.tally.steps < 1000 || (self.tally.cloned > 0) == self.place.clones, "{:?}", self.tally);
    }

    fn fail(&self, seed: u64, error: &str) -> ! {
        let steps: Vec<String> = self.last.iter().map(|step| format!("    {step:?}")).collect();
        panic!(
            "{error}\n{} steps in; the last of them:\n{}\nagain: REFLINK_SEED={seed} REFLINK_OPS={} cargo test --test torture -- {}::model",
            self.tally.steps,
            steps.join("\n"),
            self.tally.steps,
            self.place.name
        );
    }
}

/// Files and their shadows never differ.
pub fn model(place: &Place) {
    let seed = seed::seed();
    Model::new(place, seed).run(seed);
}
