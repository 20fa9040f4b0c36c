//! Dedupe over the model: what is shared is what a comparison of all bytes says, whatever the kernel answers; nothing that a
//! file shows changes, no byte is counted twice, and no failure of any call is hidden.

use std::io::Write;

use super::*;
use crate::copy::range::LARGEST;
use crate::error::{Cause, Side};
use crate::sys::Fd;
use crate::sys::errno::*;
use crate::sys::model::disk::{Ino, Traits, What};
use crate::sys::model::fault::{Fault, Lasting, Odd, Place};
use crate::sys::model::{Call, Model, When};

const BLOCK: u64 = 1024;

const ALL: (u64, u64, u64) = (0, 0, LARGEST);

/// Two files of the caller's, the destination open for reading only.
struct Bench {
    model: Model,
    inos: [Ino; 2],
    src: Fd,
    dst: Fd,
    shown: Vec<String>,
}

struct Outcome {
    result: Result<()>,
    report: Report,
}

impl Bench {
    fn new(volume: Traits, one: &[u8], other: &[u8]) -> Self {
        Self::of_two(&[volume], one, other)
    }

    fn of_two(volumes: &[Traits], one: &[u8], other: &[u8]) -> Self {
        let model = Model::new(volumes.to_vec());
        let mut world = model.world_mut();
        let from = world.disk.add_directory("from", 0);
        let to = world.disk.add_directory("to", volumes.len() - 1);
        let inos = [
            world.disk.add_file(from, "one", &[Some(one)], 0o644),
            world.disk.add_file(to, "other", &[Some(other)], 0o600),
        ];
        drop(world);
        let [src, dst] = inos.map(|ino| model.open_for_caller(ino, true, false, false));
        let shown = shown(&model, &inos);
        Self { model, inos, src, dst, shown }
    }

    /// Of two equal files of that many bytes.
    fn equal(size: u64) -> Self {
        let content = noise(size, 1);
        Self::new(Traits::XFS, &content, &content)
    }

    fn run(&self, range: (u64, u64, u64), options: Options) -> Outcome {
        self.run_telling(range, options, &mut |_, _| true)
    }

    fn run_telling(
        &self,
        (src_offset, dst_offset, length): (u64, u64, u64),
        options: Options,
        told: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Outcome {
        let range = Range { src: self.src, src_offset, dst: self.dst, dst_offset, length };
        let mut report = Report::default();
        let result = run(&self.model, &range, options, &mut Progress::new(Some(told)), &mut report);
        self.check(&range, &report);
        Outcome { result, report }
    }

    /// What holds whatever happened.
    fn check(&self, range: &Range, report: &Report) {
        let case = || format!("{report:?}\n{}", self.model.world().story());
        assert_eq!(shown(&self.model, &self.inos), self.shown, "a file shows another thing now: {}", case());
        let parts = [report.deduped, report.already, report.different, report.skipped, report.not_reached()];
        assert_eq!(parts.iter().sum::<u64>(), report.length, "{}", case());
        assert_eq!(report.different > 0, report.first_difference.is_some(), "{}", case());
        assert!(report.first_difference.is_none_or(|at| at < report.length), "{}", case());
        assert_eq!(self.model.world().leaked(), Vec::<Fd>::new(), "{}", case());
        let lied = self.model.world().log.iter().any(|event| event.injected && event.call == Call::Dedupe);
        assert!(lied || report.deduped <= self.shared(range), "{}", case());
    }

    /// Bytes of the range that lie at one place, or nowhere, in both.
    fn shared(&self, range: &Range) -> u64 {
        let world = self.model.world();
        let [one, other] = self.inos.map(|ino| world.disk.data(ino));
        let length = range.length.min(other.size.saturating_sub(range.dst_offset));
        let found = other.sharing(range.dst_offset, one, range.src_offset, length);
        found.shared + found.holes
    }

    fn plan(&self, place: Place, fault: Fault, lasting: Lasting) {
        self.model.world_mut().faults.plan(place, fault, lasting);
    }
}

/// Everything that anybody sees of the files, where their blocks lie apart.
fn shown(model: &Model, inos: &[Ino]) -> Vec<String> {
    let world = model.world();
    let look = |ino: &Ino| {
        let (inode, stat) = (&world.disk.inodes[*ino], world.disk.stat(*ino));
        let times = (stat.accessed, stat.modified, stat.changed);
        format!("{:?} {:o} {} {times:?} {:?}", stat.size, stat.mode, inode.version, sum(&inode.data().all()))
    };
    inos.iter().map(look).collect()
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

fn noise(size: u64, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..size).map(|_| random.below(256) as u8).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

const GO_ON: Options = Options { past_differences: true, durable: false, no_look: false, verify: false };
const ASK_ALL: Options = Options { no_look: true, ..GO_ON };

/// What must come of it, by the bytes themselves.
fn expected(
    files: [&[u8]; 2],
    (src_offset, dst_offset, length): (u64, u64, u64),
    limit: u64,
    go_on: bool,
) -> Report {
    let rest = |file: &[u8], offset: u64| (file.len() as u64).saturating_sub(offset);
    let [src_rest, dst_rest] = [rest(files[0], src_offset), rest(files[1], dst_offset)];
    let common = length.min(src_rest).min(dst_rest);
    let length = length.min(src_rest.max(dst_rest));
    let mut report = Report { length, different: length - common, ..Report::default() };
    report.first_difference = (length > common).then_some(common);
    let byte = |at: u64| {
        let [one, other] = [files[0][(src_offset + at) as usize], files[1][(dst_offset + at) as usize]];
        one == other
    };
    let ends = src_rest == common && dst_rest == common;
    let fits = |at: u64, end: u64| {
        let whole = (dst_offset + end) % BLOCK == 0 || (ends && end == common);
        (src_offset + at) % BLOCK == 0 && (dst_offset + at) % BLOCK == 0 && whole && dst_offset + end <= limit
    };
    let mut at = 0;
    while at < common {
        let end = ((dst_offset + at) / BLOCK * BLOCK + BLOCK - dst_offset).min(common);
        if !fits(at, end) {
            report.skipped += end - at;
        } else if let Some(found) = (at..end).find(|at| !byte(*at)) {
            report.different += end - at;
            report.first_difference = report.first_difference.map(|first| first.min(found)).or(Some(found));
            if !go_on {
                return report;
            }
        } else {
            report.deduped += end - at;
        }
        at = end;
    }
    report
}

/// Two files of blocks that are often the same, and now and then a byte off.
fn alike(random: &mut Random) -> [Vec<u8>; 2] {
    let blocks = 1 + random.below(12);
    let one = noise(blocks * BLOCK - random.below(2) * random.below(BLOCK), random.below(9));
    let mut other = one.clone();
    match random.below(4) {
        0 => other.truncate(random.below(other.len() as u64) as usize),
        1 => other.extend(noise(random.below(3 * BLOCK), 5)),
        _ => {}
    }
    for _ in 0..random.below(4) {
        let at = random.below(other.len() as u64) as usize;
        if let Some(byte) = other.get_mut(at) {
            *byte ^= 1;
        }
    }
    [one, other]
}

#[test]
fn what_is_shared_is_what_the_bytes_say() {
    let (mut random, mut kinds) = (Random(3), [0; 6]);
    for _ in 0..6000 {
        let [one, other] = alike(&mut random);
        let bench = Bench::new(Traits::XFS, &one, &other);
        let offset = match random.below(3) {
            0 => 0,
            1 => random.below(3) * BLOCK,
            _ => random.below(3 * BLOCK),
        };
        let shift = if random.below(4) == 0 { random.below(3) * BLOCK / (1 + random.below(2)) } else { 0 };
        let length = if random.below(2) == 0 { LARGEST } else { random.below(9 * BLOCK) };
        let limit = if random.below(4) == 0 { random.below(8 * BLOCK) } else { u64::MAX };
        bench.model.world_mut().limit = limit;
        let (range, go_on) = ((offset, offset + shift, length), random.below(2) == 0);
        let before = if random.below(2) == 0 {
            let some = (range.0, range.1, random.below(6 * BLOCK));
            bench.run(some, GO_ON).report.deduped
        } else {
            0
        };
        let options = Options { past_differences: go_on, verify: true, ..GO_ON };
        let found = bench.run(range, options);
        let wanted = expected([&one, &other], range, limit, go_on);
        let case = format!("{range:?} of {} and {}, {limit}, {go_on}\n{wanted:?}", one.len(), other.len());
        assert_eq!(found.result, Ok(()), "{case}");
        let told = found.report;
        let shared = told.deduped + told.already;
        assert_eq!(told.verified, shared, "{case}\n{}", bench.model.world().story());
        assert!(told.already <= before, "{before} {case}");
        let rest = Report { reason: Reason::None, dedupe_error: 0, already: 0, verified: 0, ..told };
        assert_eq!(Report { deduped: shared, ..rest }, wanted, "{case}\n{}", bench.model.world().story());
        assert_eq!(found.report.reason == Reason::File, found.report.skipped > 0, "{case}");
        let again = bench.run(range, options).report;
        assert_eq!((again.deduped, again.already), (0, shared), "once more: {case}");
        let parts = [told.deduped, told.different, told.skipped, told.not_reached(), told.already];
        for (kind, part) in kinds.iter_mut().zip(parts.into_iter().chain([u64::from(limit < u64::MAX)])) {
            *kind += u32::from(part > 0);
        }
    }
    assert!(kinds.iter().all(|seen| *seen > 300), "{kinds:?}");
}

/// 16 MiB at a time: the kernel locks both files for each of them, and the caller can cancel in between.
#[test]
fn a_long_range_goes_in_steps() {
    for steps in 1..=4 {
        let bench = Bench::equal(0);
        let size = (3 << 24) + 5000;
        for ino in bench.inos {
            let shared = |data: &mut crate::sys::model::data::Data| data.set_size(size);
            bench.model.world_mut().disk.change(ino, shared);
        }
        let bench = Bench { shown: shown(&bench.model, &bench.inos), ..bench };
        let mut told = Vec::new();
        let outcome = bench.run_telling(ALL, ASK_ALL, &mut |done, total| {
            told.push((done, total));
            steps == 4 || told.len() <= steps
        });
        let cancelled = steps < 4;
        assert_eq!(
            outcome.result.map_err(|error| error.cause),
            if cancelled { Err(Cause::Cancelled) } else { Ok(()) }
        );
        let done = (steps as u64 * STEP).min(size);
        assert_eq!((outcome.report.deduped, outcome.report.not_reached()), (done, size - done));
        let wanted: Vec<_> = (0..=steps as u64).map(|step| ((step * STEP).min(size), size)).collect();
        assert_eq!(told, wanted);
        let longest = bench
            .model
            .world()
            .log
            .iter()
            .filter(|event| event.call == Call::Dedupe)
            .map(|event| event.numbers[2])
            .max();
        assert_eq!(longest, Some(STEP));
    }
}

/// A first difference after 16 MiB is found where it is, and equal blocks around it are shared.
#[test]
fn a_difference_after_many_steps_is_found_to_the_byte() {
    let bench = Bench::new(Traits { most: 1 << 20, ..Traits::XFS }, b"", b"");
    let (size, at) = ((3_u64 << 24) + 5000, (1_u64 << 24) + 700_001);
    for (nth, ino) in bench.inos.into_iter().enumerate() {
        bench.model.world_mut().disk.change(ino, |data| {
            data.set_size(size);
            data.write(at, &[nth as u8 + 1]);
        });
    }
    let bench = Bench { shown: shown(&bench.model, &bench.inos), ..bench };
    let found = bench.run(ALL, ASK_ALL).report;
    assert_eq!((found.first_difference, found.different, found.deduped), (Some(at), BLOCK, size - BLOCK));
    let found = bench.run(ALL, Options { no_look: true, ..Options::default() }).report;
    assert_eq!((found.first_difference, found.deduped), (Some(at), at / BLOCK * BLOCK));
    let asked = bench.model.count(Call::Dedupe);
    let found = bench.run(ALL, GO_ON).report;
    assert_eq!((found.first_difference, found.already), (Some(at), size - BLOCK));
    assert_eq!(bench.model.count(Call::Dedupe) - asked, 2, "nothing, and the block that differs");
}

/// One call shares only what both have asked for; a 0 must not be asked for again for ever (duperemove#415).
#[test]
fn a_short_answer_goes_on_and_an_empty_one_ends() {
    for (odd, lasting, deduped) in [
        (Odd::Short, Lasting::Kind, 5220),
        (Odd::TooMuch, Lasting::Kind, 5220),
        (Odd::Zero, Lasting::Kind, 0),
        (Odd::SaysDiffers, Lasting::Once, 5220),
        (Odd::SaysDiffers, Lasting::Kind, 0),
    ] {
        let bench = Bench::equal(5220);
        bench.plan(Place::Of(Call::Dedupe, 2), Fault::Odd(odd), lasting);
        let outcome = bench.run(ALL, Options::default());
        assert_eq!(outcome.result, Ok(()), "{odd:?}");
        let found = outcome.report;
        assert_eq!((found.deduped, found.skipped), (deduped, 5220 - deduped), "{odd:?}");
        let reason = match odd {
            Odd::SaysDiffers => Reason::Transient,
            _ => Reason::File,
        };
        assert_eq!(found.reason, if deduped == 0 { reason } else { Reason::None }, "{odd:?}");
        assert!(bench.model.count(Call::Dedupe) < 10, "{odd:?}");
    }
}

/// The kernel does not compare a part of a unit, whatever number it reports.
#[test]
fn a_part_of_a_unit_is_not_counted() {
    let bench = Bench::new(Traits { clone_unit: 512, ..Traits::XFS }, &noise(5220, 1), &noise(5220, 1));
    bench.plan(Place::Of(Call::Dedupe, 2), Fault::Odd(Odd::Short), Lasting::Kind);
    let found = bench.run(ALL, ASK_ALL).report;
    assert_eq!((found.deduped, found.skipped), (0, 5220));
}

/// The kernel compares nothing of a part of a block, and reports that it is the same.
#[test]
fn less_than_a_block_is_not_asked_for() {
    let blocks = Traits { block: 4096, told_block: 4096, preferred: 1024, clone_unit: 4096, ..Traits::XFS };
    let (one, mut other) = (noise(8192, 1), noise(8192, 1));
    other[3000] ^= 1;
    let bench = Bench::new(blocks, &one, &other);
    for (length, deduped) in [(2048, 0), (8192, 4096)] {
        let found = bench.run((0, 0, length), ASK_ALL).report;
        assert_eq!((found.deduped, found.first_difference.is_some()), (deduped, length == 8192), "{found:?}");
    }
    let asked = bench.model.count(Call::Dedupe);
    let found = bench.run((0, 100, LARGEST), ASK_ALL).report;
    assert_eq!((found.skipped, found.dedupe_error), (8092, 0), "blocks that do not lie alike: {found:?}");
    assert_eq!(bench.model.count(Call::Dedupe) - asked, 1, "nothing but whether they may share");
}

/// Once the kernel compared something in a unit, a later refusal is about the file, and no larger unit is tried.
#[test]
fn a_refusal_after_an_answer_is_final() {
    let (one, mut other) = (noise(5220, 1), noise(5220, 1));
    other[3000] ^= 1;
    let bench = Bench::new(Traits::XFS, &one, &other);
    bench.plan(Place::Of(Call::Dedupe, 3), Fault::Errno(EINVAL), Lasting::Kind);
    let found = bench.run(ALL, ASK_ALL).report;
    assert_eq!((found.skipped, found.dedupe_error, found.reason), (5220, -EINVAL, Reason::File));
    assert_eq!(bench.model.count(Call::Dedupe), 3);
}

/// What is known to be shared in parts of blocks counts for whole blocks only.
#[test]
fn what_is_shared_already_is_skipped_by_whole_units() {
    use crate::sys::maps::{Content, Record};
    fn map(shared: u64, place: u64) -> Vec<Record> {
        let record = |offset, length, place| Record {
            place: Some(place),
            content: Content::Data,
            shared: true,
            last: offset > 0,
            ..Record::hole(offset, length)
        };
        vec![record(0, shared, 1 << 20), record(shared, 8192 - shared, place)]
    }
    let bench = Bench::equal(8192);
    let maps: [fn(u64) -> Vec<Record>; 2] = [|_| map(1536, 1 << 21), |_| map(1536, 1 << 22)];
    for (ino, map) in bench.inos.into_iter().zip(maps) {
        bench.model.world_mut().disk.inodes[ino].map = Some(map);
    }
    let range = Range { src: bench.src, src_offset: 0, dst: bench.dst, dst_offset: 0, length: LARGEST };
    let mut report = Report::default();
    assert_eq!(run(&bench.model, &range, GO_ON, &mut Progress::default(), &mut report), Ok(()));
    assert_eq!((report.already, report.deduped), (1024, 7168), "{report:?}");
}

#[test]
fn a_difference_is_looked_for_where_files_end_too() {
    use crate::sharing::difference::Difference;
    for (one, other, found) in [(5000, 5000, None), (5000, 4000, Some(4000)), (4000, 5000, Some(4000))] {
        let bench = Bench::new(Traits::XFS, &noise(one, 1), &noise(other, 1));
        let mut difference = Difference::new(&bench.model, (bench.src, 0), (bench.dst, 0));
        assert_eq!(difference.first(0, 9000), Ok(found));
        assert_eq!(difference.first(3000, 3900), Ok(None));
        // What the buffers hold behind the shorter one's end is of no file.
        let bench = Bench::new(Traits::XFS, &vec![0; one as usize], &vec![0; other as usize]);
        let mut difference = Difference::new(&bench.model, (bench.src, 0), (bench.dst, 0));
        assert_eq!(difference.first(0, 9000), Ok(found));
    }
    for (fault, lasting, found) in [
        (Fault::Errno(EINTR), Lasting::Times(3), Ok(Some(4000))),
        (Fault::Odd(Odd::TooMuch), Lasting::Kind, Err(Cause::Inconsistent)),
    ] {
        let bench = Bench::new(Traits::XFS, &noise(5000, 1), &noise(4000, 1));
        bench.plan(Place::Of(Call::ReadAt, 1), fault, lasting);
        let mut difference = Difference::new(&bench.model, (bench.src, 0), (bench.dst, 0));
        assert_eq!(difference.first(0, 9000).map_err(|error| error.cause), found);
    }
}

/// The file system's own block size is not always what it shares in.
#[test]
fn a_larger_unit_is_found_where_the_first_is_refused() {
    for (unit, deduped) in [(4096, 8192), (8192, 8192), (64 << 10, 0)] {
        let volume = Traits { clone_unit: unit, preferred: 8192, ..Traits::XFS };
        let content = noise(20 << 10, 4);
        let bench = Bench::new(volume, &content, &content);
        let found = bench.run((1024, 1024, 18 << 10), GO_ON);
        assert_eq!(found.result, Ok(()));
        let at_most = if unit == 4096 { 12288 } else { deduped };
        assert_eq!(found.report.deduped, at_most, "{unit}\n{}", bench.model.world().story());
        assert_eq!(found.report.skipped, (18 << 10) - at_most);
        let refused = (found.report.reason, found.report.dedupe_error);
        assert_eq!(refused.0, Reason::File);
        assert_eq!(bench.run((1024, 2048, 9000), GO_ON).report.skipped, 9000, "{unit}");
    }
}

/// "Not this file" is an answer. Any other refusal is an error with its own reason.
#[test]
fn a_refusal_is_told_by_what_it_is_about() {
    for (errno, error, reason, skipped) in [
        (EINVAL, None, Reason::File, 5220),
        (ETXTBSY, None, Reason::File, 5220),
        (EOPNOTSUPP, Some(EOPNOTSUPP), Reason::Unsupported, 5220),
        (ENOTTY, Some(ENOTTY), Reason::Unsupported, 5220),
        (EXDEV, Some(EXDEV), Reason::CrossDevice, 5220),
        (ENOSYS, Some(ENOSYS), Reason::Unsupported, 5220),
        (EFBIG, None, Reason::File, 5220),
        (EPERM, Some(EPERM), Reason::Permission, 5220),
        (EACCES, Some(EACCES), Reason::Permission, 5220),
        (EROFS, Some(EROFS), Reason::Permission, 5220),
        (EAGAIN, Some(EAGAIN), Reason::Transient, 5220),
        (EIO, Some(EIO), Reason::Failure, 0),
        (ENOSPC, Some(ENOSPC), Reason::Failure, 0),
        (EDQUOT, Some(EDQUOT), Reason::Failure, 0),
        (ENOMEM, Some(ENOMEM), Reason::Failure, 0),
        (EUCLEAN, Some(EUCLEAN), Reason::Failure, 0),
    ] {
        for nth in [1, 2] {
            let bench = Bench::equal(5220);
            bench.plan(Place::Of(Call::Dedupe, nth), Fault::Errno(errno), Lasting::Kind);
            let outcome = bench.run(ALL, Options::default());
            let at = outcome.result.map_err(|error| (error.step, error.errno()));
            let side =
                if matches!(errno, ENOSPC | EDQUOT | EROFS) { Side::Destination } else { Side::Neither };
            assert_eq!(at, error.map_or(Ok(()), |errno| Err((Step::Dedupe(side), errno))), "{errno}");
            let found = outcome.report;
            assert_eq!((found.reason, found.dedupe_error), (reason, -errno));
            assert_eq!((found.skipped, found.not_reached()), (skipped, 5220 - skipped));
        }
    }
}

/// While ZFS has not written the source's blocks; after a signal.
#[test]
fn a_call_that_only_needs_another_try_is_made_again() {
    for (errno, syncs) in [(EINTR, 0), (EAGAIN, 3)] {
        let bench = Bench::equal(5220);
        bench.plan(Place::Of(Call::Dedupe, 2), Fault::Errno(errno), Lasting::Times(3));
        let outcome = bench.run(ALL, Options::default());
        assert_eq!((outcome.result, outcome.report.deduped, outcome.report.dedupe_error), (Ok(()), 5220, 0));
        assert_eq!(bench.model.count(Call::Sync), syncs);
    }
}

/// A pair that cannot share is refused before the library reads data or maps.
#[test]
fn files_that_cannot_share_are_refused_at_once() {
    let other = Traits { pool: 5, ..Traits::XFS };
    type Arrange = fn(&Bench);
    let cases: [(&[Traits], Arrange, core::result::Result<Reason, i32>); 8] = [
        (&[Traits::XFS, other], |_| {}, Err(EXDEV)),
        (&[Traits::EXT4], |_| {}, Err(EOPNOTSUPP)),
        (&[Traits::XFS, Traits::EXT4], |_| {}, Err(EXDEV)),
        (
            &[Traits::XFS],
            |bench| bench.model.world_mut().disk.inodes[bench.inos[1]].swap = true,
            Ok(Reason::File),
        ),
        (
            &[Traits::XFS],
            |bench| bench.model.world_mut().disk.inodes[bench.inos[0]].nocow = true,
            Ok(Reason::File),
        ),
        (
            &[Traits::XFS],
            |bench| bench.model.world_mut().disk.inodes[bench.inos[1]].immutable = true,
            Err(EPERM),
        ),
        (
            &[Traits::XFS],
            |bench| bench.model.world_mut().disk.inodes[bench.inos[0]].immutable = true,
            Ok(Reason::None),
        ),
        (&[Traits::XFS], |bench| bench.model.world_mut().disk.maker = (1000, 100), Err(EPERM)),
    ];
    for (nth, (volumes, arrange, wanted)) in cases.into_iter().enumerate() {
        let content = noise(5220, 1);
        let bench = Bench::of_two(volumes, &content, &content);
        arrange(&bench);
        let outcome = bench.run(ALL, Options::default());
        match wanted {
            Ok(reason) => assert_eq!((outcome.result, outcome.report.reason), (Ok(()), reason), "{nth}"),
            Err(errno) => {
                assert_eq!(outcome.result.map_err(|error| error.errno()), Err(errno), "{nth}");
                assert_eq!(outcome.report.skipped, 5220, "{nth}");
            }
        }
    }
}

/// The destination may be open for reading only, if the caller may write to it.
#[test]
fn owners_and_users_who_may_write_may_dedupe() {
    for (owner, mode, write, allowed) in [
        (1000, 0o400, false, true),
        (0, 0o600, false, false),
        (0, 0o602, false, true),
        (0, 0o600, true, true),
    ] {
        let mut bench = Bench::equal(5220);
        let mut world = bench.model.world_mut();
        world.disk.maker = (1000, 100);
        let inode = &mut world.disk.inodes[bench.inos[1]];
        (inode.owner, inode.mode) = (owner, mode);
        drop(world);
        bench.dst = bench.model.open_for_caller(bench.inos[1], !write, write, write);
        let bench = Bench { shown: shown(&bench.model, &bench.inos), ..bench };
        let outcome = bench.run(ALL, Options::default());
        assert_eq!(outcome.result.is_ok(), allowed, "{owner} {mode:o} {write}");
        assert_eq!(bench.model.count(Call::ReopenSource), 0);
    }
}

/// Opened for writing only, it is opened once more to find a difference, and for nothing else.
#[test]
fn what_is_equal_is_shared_with_who_may_only_write() {
    let one = noise(5220, 1);
    let mut other = one.clone();
    other[3000] ^= 1;
    for (content, procfs, deduped) in
        [(&one, false, Ok(5220)), (&other, true, Ok(2048)), (&other, false, Err(ENOENT))]
    {
        let mut bench = Bench::new(Traits::XFS, &one, content);
        bench.model.world_mut().procfs = procfs;
        bench.dst = bench.model.open_for_caller(bench.inos[1], false, true, false);
        let outcome = bench.run(ALL, Options::default());
        let told = outcome.result.map(|()| outcome.report.deduped);
        let refused = deduped.map_err(|errno| (Step::Check(Side::Destination), errno));
        assert_eq!(told.map_err(|error| (error.step, error.errno())), refused);
        assert_eq!(bench.model.count(Call::ReopenSource), usize::from(content != &one));
    }
}

/// bcachefs repeats inode numbers in snapshots; some FUSE servers give all files the same.
#[test]
fn files_with_equal_inode_numbers_are_compared() {
    let one = noise(5000, 1);
    for (other, deduped) in [(one.clone(), 5000), (noise(5000, 2), 0)] {
        let bench = Bench::new(Traits { one_number: true, ..Traits::XFS }, &one, &other);
        let now = crate::sys::Time { seconds: 1, nanoseconds: 1 };
        for ino in bench.inos {
            let inode = &mut bench.model.world_mut().disk.inodes[ino];
            (inode.modified, inode.changed, inode.mode) = (now, now, 0o600);
        }
        let bench = Bench { shown: shown(&bench.model, &bench.inos), ..bench };
        let found = bench.run(ALL, Options { verify: true, ..Options::default() }).report;
        assert_eq!((found.already, found.deduped, found.verified), (0, deduped, deduped));
    }
}

#[test]
fn one_file_shares_with_itself_already() {
    let content = [noise(4096, 1), noise(4096, 1)].concat();
    let mut bench = Bench::new(Traits::XFS, &content, b"");
    bench.inos[1] = bench.inos[0];
    bench.dst = bench.model.open_for_caller(bench.inos[0], true, false, false);
    let bench = Bench { shown: shown(&bench.model, &bench.inos), ..bench };
    for length in [LARGEST, 5000] {
        let found = bench.run((100, 100, length), Options::default());
        assert_eq!((found.result, found.report.already), (Ok(()), length.min(8192 - 100)));
    }
    assert_eq!(bench.run((0, 1024, 2048), GO_ON).result.map_err(|error| error.cause), Err(Cause::Overlap));
    assert_eq!(bench.model.count(Call::Dedupe), 0);
    let found = bench.run((0, 4096, 4096), GO_ON);
    assert_eq!((found.result, found.report.deduped), (Ok(()), 4096));
    let found = bench.run((4096, 0, 4000), GO_ON);
    assert_eq!((found.result, found.report.already, found.report.skipped), (Ok(()), 3072, 928));
}

/// Somebody writes to the destination, or cuts it, while it is compared.
#[test]
fn a_change_during_the_call_is_reported() {
    type Change = fn(&mut crate::sys::model::data::Data);
    type Right = fn(&Report) -> bool;
    let cases: [(Change, Right); 3] = [
        (
            |data| data.write(2000, b"!!"),
            |found| found.different == BLOCK && found.first_difference == Some(2000),
        ),
        (|data| data.set_size(3000), |found| found.skipped == 5220 && found.dedupe_error == -EINVAL),
        // The last part of a block is the end of both no more: the kernel says that it shared it, and did not.
        (
            |data| data.set_size(90_000),
            |found| (found.deduped, found.skipped, found.reason) == (5120, 100, Reason::Transient),
        ),
    ];
    for (change, right) in cases {
        let bench = Bench::equal(5220);
        let ino = bench.inos[1];
        bench.model.before(When::Of(Call::Dedupe, 2), move |disk| disk.change(ino, change));
        let range = Range { src: bench.src, src_offset: 0, dst: bench.dst, dst_offset: 0, length: LARGEST };
        let mut report = Report::default();
        let outcome = run(&bench.model, &range, GO_ON, &mut Progress::default(), &mut report);
        assert!(outcome == Ok(()) && right(&report), "{report:?}\n{}", bench.model.world().story());
    }
    // Read as equal, and different when the kernel compares again.
    let bench = Bench::new(Traits::XFS, &noise(8192, 1), &[noise(4096, 1), noise(4096, 2)].concat());
    let ino = bench.inos[1];
    bench.model.before(When::Of(Call::Dedupe, 3), move |disk| disk.change(ino, |data| data.write(0, b"!!")));
    let range = Range { src: bench.src, src_offset: 0, dst: bench.dst, dst_offset: 0, length: LARGEST };
    let mut report = Report::default();
    assert_eq!(run(&bench.model, &range, GO_ON, &mut Progress::default(), &mut report), Ok(()));
    assert_eq!((report.skipped, report.different, report.reason), (4096, 4096, Reason::Transient));
}

#[test]
fn bad_descriptors_and_numbers_are_refused_first() {
    let bench = Bench::equal(5220);
    let directory = bench.model.world_mut().disk.add_directory("directory", 0);
    let fifo = bench.model.world_mut().disk.add(directory, "fifo", What::Fifo, 0o600);
    let open = |ino, read, write| bench.model.open_for_caller(ino, read, write, false);
    let (writes, path, directory, fifo) = (
        open(bench.inos[0], false, true),
        open(bench.inos[0], false, false),
        open(directory, true, false),
        open(fifo, true, true),
    );
    let ask = |src, dst, (src_offset, dst_offset, length)| {
        let (range, mut report) = (Range { src, src_offset, dst, dst_offset, length }, Report::default());
        let error = run(&bench.model, &range, GO_ON, &mut Progress::default(), &mut report).unwrap_err();
        assert_eq!(report, Report::default());
        error
    };
    for (src, dst, errno) in [
        (writes, bench.dst, EBADF),
        (path, bench.dst, EBADF),
        (bench.src, path, EBADF),
        (999, bench.dst, EBADF),
        (bench.src, 999, EBADF),
        (directory, bench.dst, EISDIR),
        (bench.src, directory, EISDIR),
    ] {
        let error = ask(src, dst, ALL);
        let side = if dst == bench.dst { Side::Source } else { Side::Destination };
        assert_eq!((error.step, error.errno()), (Step::Check(side), errno), "{src} {dst}");
    }
    assert_eq!(ask(fifo, bench.dst, ALL).cause, Cause::NotRegular);
    assert_eq!(ask(bench.src, fifo, ALL).cause, Cause::NotRegular);
    for range in [(1 << 63, 0, 1), (0, 1 << 63, 1), (0, 0, 1 << 63), (0, 0, u64::MAX)] {
        let error = ask(bench.src, bench.dst, range);
        assert!(matches!(error.step, Step::Arguments(_)) && error.errno() == EINVAL, "{error:?}");
    }
    assert_eq!(bench.model.count(Call::Dedupe), 0);
    for range in [(0, 0, 0), (9000, 9000, 100), (LARGEST, LARGEST, LARGEST)] {
        assert_eq!(bench.run(range, GO_ON).report, Report::default());
    }
}

/// What is shared already is not asked for, as long as the maps can be trusted.
#[test]
fn what_is_shared_already_is_asked_for_only_where_that_may_have_changed() {
    let shared = || {
        let bench = Bench::equal(8 * BLOCK);
        assert_eq!(bench.run((0, 0, 5 * BLOCK), GO_ON).report.deduped, 5 * BLOCK);
        bench
    };
    let bench = shared();
    let found = bench.run(ALL, GO_ON).report;
    assert_eq!((found.already, found.deduped), (5 * BLOCK, 3 * BLOCK));
    let asked = bench.model.count(Call::Dedupe);
    assert_eq!(bench.run(ALL, GO_ON).report.already, 8 * BLOCK);
    assert_eq!(bench.model.count(Call::Dedupe) - asked, 1, "nothing but whether they may share");
    assert_eq!(bench.run(ALL, ASK_ALL).report.deduped, 8 * BLOCK);
    // Written to after the map was fetched.
    for (nth, go_on) in [(1, true), (2, true), (2, false)] {
        let bench = shared();
        let (ino, asked) = (bench.inos[1], bench.model.count(Call::Dedupe));
        bench.model.before(When::Of(Call::Dedupe, asked + nth), move |disk| {
            disk.change(ino, |data| data.write(1500, b"!"));
        });
        let range = Range { src: bench.src, src_offset: 0, dst: bench.dst, dst_offset: 0, length: LARGEST };
        let (mut report, options) = (Report::default(), Options { past_differences: go_on, ..GO_ON });
        assert_eq!(run(&bench.model, &range, options, &mut Progress::default(), &mut report), Ok(()));
        let right = (report.first_difference, report.different) == (Some(1500), BLOCK);
        assert!(right && (report.already == 0 || nth == 1), "{report:?}\n{}", bench.model.world().story());
    }
    // Written to, and then nothing works any more: what was seen by the maps is not known any longer.
    let bench = shared();
    let (ino, asked) = (bench.inos[1], bench.model.count(Call::Dedupe));
    bench.model.before(When::Of(Call::Dedupe, asked + 2), move |disk| {
        disk.change(ino, |data| data.write(1500, b"!"));
    });
    bench.plan(Place::Of(Call::Dedupe, asked + 2), Fault::Errno(EIO), Lasting::Once);
    let range = Range { src: bench.src, src_offset: 0, dst: bench.dst, dst_offset: 0, length: LARGEST };
    let mut report = Report::default();
    let outcome = run(&bench.model, &range, GO_ON, &mut Progress::default(), &mut report);
    assert_eq!((outcome.map_err(|error| error.errno()), report.already), (Err(EIO), 0));
    // No map: everything is asked for. A failure to write out what it is of is one.
    for (errno, result) in [(EOPNOTSUPP, Ok(())), (EIO, Err(EIO))] {
        let bench = shared();
        bench.plan(
            Place::Of(Call::Map, bench.model.count(Call::Map) + 1),
            Fault::Errno(errno),
            Lasting::Kind,
        );
        let outcome = bench.run(ALL, GO_ON);
        assert_eq!(outcome.result.map_err(|error| error.errno()), result);
        assert_eq!(outcome.report.deduped, if result.is_ok() { 8 * BLOCK } else { 0 });
    }
}

/// A map that contradicts itself is not of one instant; small files in the metadata share nothing.
#[test]
fn odd_maps_do_no_harm() {
    use crate::sys::maps::{Content, Record};
    type Map = fn(u64) -> Vec<Record>;
    let lies: [(Map, u64, u64); 3] = [
        (|_| vec![record(0, 4096, Content::Data), record(1024, 7 * 1024, Content::Data)], 8192, 0),
        (|_| vec![record(0, 8192, Content::Inline)], 0, 8192),
        (|_| vec![record(0, 8192, Content::Encoded)], 8192, 0),
    ];
    const fn record(offset: u64, length: u64, content: Content) -> Record {
        let place = if matches!(content, Content::Data) { Some(1 << 20) } else { None };
        Record { offset, length, place, content, shared: true, vague: false, last: offset + length == 8192 }
    }
    for (map, deduped, skipped) in lies {
        let bench = Bench::equal(8 * BLOCK);
        for ino in bench.inos {
            bench.model.world_mut().disk.inodes[ino].map = Some(map);
        }
        let outcome = bench.run(ALL, GO_ON);
        assert_eq!(outcome.result, Ok(()));
        assert_eq!(
            (outcome.report.deduped, outcome.report.skipped),
            (deduped, skipped),
            "{:?}",
            outcome.report
        );
    }
}

/// The kernel reports that it shared, and did not.
#[test]
fn verify_detects_that_nothing_was_shared() {
    let bench = Bench::equal(5220);
    bench.plan(Place::Of(Call::Dedupe, 1), Fault::Odd(Odd::SaysShared), Lasting::Kind);
    let found = bench.run(ALL, Options { verify: true, ..GO_ON }).report;
    assert_eq!((found.deduped, found.verified), (5220, 0));
}

#[test]
fn holes_that_were_shared_are_verified() {
    let bench = Bench::equal(0);
    for ino in bench.inos {
        bench.model.world_mut().disk.change(ino, |data| data.set_size(5220));
    }
    let bench = Bench { shown: shown(&bench.model, &bench.inos), ..bench };
    let found = bench.run(ALL, Options { verify: true, ..ASK_ALL }).report;
    assert_eq!((found.deduped, found.verified), (5220, 5220));
}

#[test]
fn durable_syncs_what_was_shared() {
    let durable = Options { durable: true, ..GO_ON };
    let bench = Bench::equal(5220);
    assert_eq!(bench.run(ALL, durable).result, Ok(()));
    assert_eq!(bench.model.count(Call::Sync), 1);
    // Another call may have shared it, and synced nothing.
    let found = bench.run(ALL, durable);
    assert_eq!((found.result, found.report.already, bench.model.count(Call::Sync)), (Ok(()), 5220, 2));
    let other = Bench::new(Traits::XFS, &noise(1024, 1), &noise(1024, 2));
    assert_eq!((other.run(ALL, durable).result, other.model.count(Call::Sync)), (Ok(()), 0));
    let bench = Bench::equal(5220);
    bench.plan(Place::Of(Call::Sync, 1), Fault::Errno(EIO), Lasting::Once);
    let outcome = bench.run(ALL, durable);
    assert_eq!(outcome.result.map_err(|error| (error.step, error.errno())), Err((Step::Sync, EIO)));
    assert_eq!(outcome.report.deduped, 5220);
}

/// Every call fails in every way: `check` holds, a failure is told by its own errno, and a success is one.
#[test]
fn every_call_of_a_dedupe() {
    let mut cases = 0;
    let files = || {
        let one = noise(9000, 1);
        let mut other = one.clone();
        other[3000] ^= 1;
        other[6000] ^= 1;
        let mut bench = Bench::new(Traits::XFS, &one, &other);
        bench.dst = bench.model.open_for_caller(bench.inos[1], false, true, false);
        bench
    };
    let options = Options { durable: true, verify: true, ..GO_ON };
    let untouched = files();
    let truth = untouched.run(ALL, options).report;
    assert_eq!((truth.deduped, truth.different), (9000 - 2 * BLOCK, 2 * BLOCK));
    let calls = untouched.model.world().calls_made();
    for (nth, call) in calls.into_iter().enumerate().map(|(at, call)| (at + 1, call)) {
        let errnos = [
            EIO, ENOSPC, EINTR, EAGAIN, EPERM, EINVAL, EXDEV, EOPNOTSUPP, ENOSYS, EBADF, ENOMEM, EROFS,
            ETXTBSY, EUCLEAN, 200,
        ];
        let odds = [Odd::Short, Odd::Zero, Odd::TooMuch, Odd::SaysShared, Odd::SaysDiffers];
        let odds = odds.into_iter().filter(|odd| odd.applies_to(call)).map(Fault::Odd);
        for fault in errnos.into_iter().map(Fault::Errno).chain(odds) {
            for lasting in [Lasting::Once, Lasting::Kind, Lasting::All] {
                let bench = files();
                bench.plan(Place::Nth(nth), fault, lasting);
                let outcome = bench.run(ALL, options);
                let case =
                    || format!("{fault:?} {lasting:?} {:?}\n{}", outcome.report, bench.model.world().story());
                if let Err(error) = outcome.result {
                    let told = matches!(fault, Fault::Errno(errno) if errno == error.errno());
                    let contradiction =
                        fault == Fault::Odd(Odd::TooMuch) && error.cause == Cause::Inconsistent;
                    assert!(told || contradiction, "{error:?} {}", case());
                } else if let (Fault::Errno(EIO | ENOSPC | EUCLEAN | ENOMEM), false) =
                    (fault, call == Call::Volume)
                {
                    assert!(call == Call::Close, "a failure was hidden: {}", case());
                }
                let lied = matches!(fault, Fault::Odd(Odd::SaysShared | Odd::Zero));
                assert!(lied || outcome.report.deduped <= truth.deduped, "{}", case());
                cases += 1;
            }
        }
    }
    assert!(cases > 500, "only {cases} cases");
    let _ = writeln!(std::io::stderr(), "dedupe: {cases} cases");
}
