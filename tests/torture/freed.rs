//! Compares `bytes_exclusive` with what removing a file frees, as the file system counts it: random files that share with each
//! other and with themselves, removed one after the other.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use crate::abi::TO_EOF;
use crate::files;
use crate::looks::{Sums, extents_of};
use crate::seed::{self, Random};
use crate::sharing::{Stretch, by_bmap, by_tree, change};
use crate::skip;
use crate::volume::{Volume, run};

pub const OWN: &[(&str, fn())] = &[("freed::xfs", xfs), ("freed::btrfs", btrfs)];

const BLOCK: u64 = 4096;

/// How many bytes must become free when the n-th of these files is removed.
type Expected = fn(nth: usize, files: &[File], sums: &Sums) -> u64;

/// XFS frees blocks one by one: what is exclusive to the byte, those of the file that share with itself alone, and its metadata.
fn xfs() {
    fn expected(nth: usize, files: &[File], sums: &Sums) -> u64 {
        let held =
            (sums.shared + sums.unshared + sums.preallocated + sums.beyond_eof).next_multiple_of(BLOCK);
        let taken = files[nth].metadata().unwrap().blocks() * 512;
        let owners = owners(files, by_bmap, |stretch| {
            (stretch.within..stretch.within + stretch.length)
                .step_by(4096)
                .map(|block| (block, BLOCK))
                .collect()
        });
        let alone = owners.values().filter(|(_, owners)| owners.iter().all(|owner| *owner == nth));
        let twice: u64 = alone.filter(|(_, owners)| owners.len() > 1).map(|(bytes, _)| bytes).sum();
        sums.exclusive.next_multiple_of(BLOCK) + twice + (taken - held)
    }
    let mut volume = Volume::new("xfs", 600, &[], "loop");
    let found = remove_at_random("xfs", &mut volume, free_blocks, expected);
    assert!(found.exact * 10 > found.removed, "hardly one file was all alone: {found:?}");
}

/// Btrfs frees an extent with its last reference, and reports the bytes that a file still has of it: at least those.
fn btrfs() {
    fn expected(nth: usize, files: &[File], _: &Sums) -> u64 {
        let owners =
            owners(files, |file| by_tree(file, true), |stretch| vec![(stretch.extent, stretch.whole)]);
        let alone = owners.values().filter(|(_, owners)| owners.iter().all(|owner| *owner == nth));
        alone.map(|(bytes, _)| bytes).sum()
    }
    let mut volume = Volume::new("btrfs", 600, &[], "loop");
    let found = remove_at_random("btrfs", &mut volume, free_data, expected);
    assert!(found.exact * 10 > found.removed, "hardly one file had whole extents: {found:?}");
}

/// Each block or extent with its bytes, and the files that refer to it, one of them as often as it does.
fn owners(
    files: &[File],
    map: impl Fn(&File) -> Vec<Stretch>,
    units: impl Fn(&Stretch) -> Vec<(u64, u64)>,
) -> HashMap<u64, (u64, Vec<usize>)> {
    let mut all = HashMap::<u64, (u64, Vec<usize>)>::new();
    for (nth, file) in files.iter().enumerate() {
        for (unit, bytes) in map(file).iter().flat_map(&units) {
            all.entry(unit).or_insert((bytes, Vec::new())).1.push(nth);
        }
    }
    all
}

#[derive(Debug, Default)]
struct Found {
    removed: u64,
    /// The bytes that became free are those reported as exclusive, in whole blocks.
    exact: u64,
    bytes: u64,
}

fn remove_at_random(name: &str, volume: &mut Volume, free: fn(&Volume) -> u64, expected: Expected) -> Found {
    let mut random = Random::new(seed::seed(), &format!("freed {name}"));
    let (until, mut found) = (Instant::now() + seed::time(4), Found::default());
    while Instant::now() < until || found.removed == 0 {
        let dir = volume.dir.clone();
        let path = |number: u64| dir.join(format!("file {number}"));
        let mut numbers: Vec<u64> = (0..5).collect();
        let writers: Vec<File> = numbers
            .iter()
            .map(|number| {
                let made = files::file(&path(*number), &files::bytes(*number, 300_000));
                OpenOptions::new().read(true).write(true).open(made).unwrap()
            })
            .collect();
        let changes: Vec<String> =
            (0..random.below(25)).map(|_| change(&mut random, &writers, BLOCK)).collect();
        // XFS frees in the background what it reserved for writers: beyond the end, and for the next copies of shared blocks.
        drop(writers);
        volume.unmount();
        volume.mount();
        let mut files: Vec<File> = numbers.iter().map(|number| File::open(path(*number)).unwrap()).collect();
        while !files.is_empty() {
            let before = free(volume);
            let nth = random.below(files.len() as u64) as usize;
            let (code, sums, _) = extents_of(files[nth].as_raw_fd(), 0, TO_EOF, 0);
            let wanted = expected(nth, &files, &sums);
            drop(files.remove(nth));
            fs::remove_file(path(numbers.remove(nth))).unwrap();
            // In the background; and never more than there is to free.
            let soon = Instant::now() + Duration::from_secs(20);
            let mut freed = free(volume) - before;
            while freed != wanted && Instant::now() < soon {
                std::thread::sleep(Duration::from_millis(20));
                freed = free(volume) - before;
            }
            let case = format!("seed {} file {nth}: {sums:?}\n{changes:#?}", seed::seed());
            assert_eq!((code, freed), (0, wanted), "{case}");
            assert!(sums.exclusive.next_multiple_of(BLOCK) <= freed, "more was promised: {freed} {case}");
            found.removed += 1;
            found.exact += u64::from(sums.exclusive > 0 && sums.exclusive.next_multiple_of(BLOCK) == freed);
            found.bytes += freed;
        }
    }
    println!("freed on {name}: {found:?}");
    found
}

/// Free bytes, of a file system that has written everything out.
fn free_blocks(volume: &Volume) -> u64 {
    let dir = File::open(&volume.dir).unwrap();
    let mut raw = std::mem::MaybeUninit::<libc::statfs64>::zeroed();
    unsafe {
        libc::syncfs(dir.as_raw_fd());
        libc::fstatfs64(dir.as_raw_fd(), raw.as_mut_ptr());
        let raw = raw.assume_init();
        raw.f_bfree * raw.f_bsize as u64
    }
}

/// Bytes that no file's data take, counted down from 2^40: the metadata of Btrfs take other blocks.
fn free_data(volume: &Volume) -> u64 {
    let dir = volume.dir.to_str().unwrap();
    let told = run("btrfs", &["filesystem", "sync", dir])
        .and_then(|_| run("btrfs", &["filesystem", "df", "--raw", dir]))
        .unwrap_or_else(|why| skip(why));
    let data = told.lines().find(|line| line.starts_with("Data")).unwrap();
    let used = data.split_once("used=").unwrap().1.trim();
    (1 << 40) - used.parse::<u64>().unwrap()
}
