//! What a file is made of, from the lists of clusters that FSCTL_GET_RETRIEVAL_POINTERS and, on ReFS, _AND_REFCOUNT give out.
//! Sources: [MS-FSCC] 2.3.31 to 2.3.34, [MS-FSA] 2.1.5.10.15 and .16, RETRIEVAL_POINTERS_BUFFER (winioctl.h).

use super::errors::{HANDLE_EOF, errno_of};
use crate::sys::api::{Fd, Result};
use crate::sys::errno::EACCES;
use crate::sys::maps::{BATCH, Batch, Content, Record};

/// How many runs are asked for with one call: each becomes two records at most, and one more may end the map.
const RUNS: usize = (BATCH - 1) / 2;

/// The words of an answer: its head, and three for each run.
pub const WORDS: usize = 2 + 3 * RUNS;

/// A file smaller than this may lie in its record in NTFS' master file table, whose records have 1 or 4 KiB.
const RESIDENT_AT_MOST: u64 = 4096;

/// What the volume and the file's attributes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Bytes in a cluster.
    pub cluster: u64,
    /// The end of the file.
    pub size: u64,
    /// The volume counts references: it is ReFS.
    pub counts: bool,
    /// The volume is NTFS.
    pub ntfs: bool,
    /// FILE_ATTRIBUTE_SPARSE_FILE: what has no clusters is a hole, or the rest of a compression unit.
    pub sparse: bool,
    /// FILE_ATTRIBUTE_ENCRYPTED.
    pub encrypted: bool,
    /// The bytes of a compression unit, where it is compressed; 0 if unknown.
    pub compression_unit: Option<u64>,
}

/// What the rules need, each one request or some questions to the system.
pub trait PointerCalls {
    /// What the volume and the file's attributes say. EOPNOTSUPP, where the file's data are not in clusters of its own:
    /// deduplicated, in a cloud, compressed into another stream (WOF), on a server.
    fn facts(&self, fd: Fd) -> Result<Facts>;
    /// Has what was written to the file put on the volume.
    fn write_out(&self, fd: Fd) -> Result<()>;
    /// The request, from a cluster on. Whether there are more runs than fit into `answer`.
    fn pointers(&self, fd: Fd, first: i64, counts: bool, answer: &mut [u64]) -> Result<bool>;
}

/// Clusters of a file that follow each other on the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// The first, and the one behind the last.
    clusters: (u64, u64),
    /// Where the first lies on the volume; -1: nowhere.
    place: i64,
    /// How many files or places of files use the first, where the volume counts.
    references: u32,
}

/// The runs of an answer. One that does not go on from the one before it ends them.
fn runs(answer: &[u64], counts: bool) -> impl Iterator<Item = Run> + '_ {
    let head = |at: usize| answer.get(at).copied().unwrap_or(0);
    let count = low_half(head(0)) as usize;
    let mut from = head(1);
    let each = answer.get(2..).unwrap_or_default().chunks_exact(if counts { 3 } else { 2 });
    each.take(count).map_while(move |words| {
        let [to, place, rest @ ..] = words else { return None };
        let clusters = (from, *to);
        from = *to;
        let references = rest.first().map_or(0, |word| low_half(*word));
        let place = i64::from_ne_bytes(place.to_ne_bytes());
        (clusters.0 < clusters.1).then_some(Run { clusters, place, references })
    })
}

/// A DWORD, and what fills up its eight bytes.
#[allow(clippy::cast_possible_truncation)]
const fn low_half(word: u64) -> u32 {
    word as u32
}

/// [`crate::sys::maps::Maps::map`].
pub fn map<C: PointerCalls>(
    calls: &C,
    fd: Fd,
    offset: u64,
    length: u64,
    flush: bool,
    batch: &mut Batch,
) -> Result<()> {
    batch.clear();
    let facts = calls.facts(fd)?;
    if flush {
        match calls.write_out(fd) {
            // Only who may write to a file may flush it. Where nothing waits for a place, nothing becomes wrong.
            Err(errno) if errno.is(EACCES) && !facts.counts && !facts.sparse => {}
            outcome => outcome?,
        }
    }
    let end = offset.saturating_add(length).min(facts.size);
    if offset >= end || facts.cluster == 0 {
        return Ok(());
    }
    let first = offset.checked_div(facts.cluster).and_then(|first| i64::try_from(first).ok()).unwrap_or(0);
    let mut answer = [0_u64; WORDS];
    let words = if facts.counts { WORDS } else { 2 + 2 * RUNS };
    let answer = answer.get_mut(..words).unwrap_or_default();
    let more = match calls.pointers(fd, first, facts.counts, answer) {
        Err(errno) if errno == errno_of(HANDLE_EOF) => {
            let resident = first == 0 && facts.ntfs && facts.size < RESIDENT_AT_MOST;
            let content = if resident { Content::Inline } else { Content::Pending };
            batch.push(rest(offset, facts.size, content));
            return Ok(());
        }
        outcome => outcome?,
    };
    let (mut at, mut held) = (offset, None::<Record>);
    for run in runs(answer, facts.counts) {
        for record in facts.records(&run).into_iter().flatten() {
            at = at.max(record.end());
            held = match held {
                // The rest of a compression unit.
                Some(unit) if run.place < 0 && [unit.content, record.content] == [Content::Encoded; 2] => {
                    Some(Record { length: unit.length.saturating_add(record.length), ..unit })
                }
                before => {
                    before.into_iter().for_each(|before| batch.push(before));
                    Some(record)
                }
            };
        }
    }
    // What no run says anything of is not known, and no hole.
    let unknown =
        (at < facts.size && (!more || held.is_none())).then(|| rest(at, facts.size, Content::Pending));
    let last = !more && unknown.is_none();
    held.map(|held| Record { last, ..held }).into_iter().chain(unknown).for_each(|record| batch.push(record));
    Ok(())
}

fn rest(offset: u64, end: u64, content: Content) -> Record {
    Record { content, last: true, ..Record::hole(offset, end.saturating_sub(offset)) }
}

impl Facts {
    /// What a run is made of: two records, where the file's end or a compression unit's cuts it.
    fn records(&self, run: &Run) -> [Option<Record>; 2] {
        let bytes = |clusters: u64| clusters.saturating_mul(self.cluster);
        let (from, to) = (bytes(run.clusters.0), bytes(run.clusters.1));
        let whole = Record::hole(from, to.saturating_sub(from));
        let Ok(place) = u64::try_from(run.place) else {
            return self.without_place(&whole, run.place == -1);
        };
        let end = self.size.checked_next_multiple_of(self.cluster).unwrap_or(u64::MAX);
        let encoded = self.encrypted || self.compression_unit.is_some();
        let shared = self.counts && run.references > 1;
        // The count is of the first cluster ([MS-FSCC] 2.3.34.1): 1 says nothing of those behind it.
        let vague = self.counts && !shared && (run.references == 0 || whole.length > self.cluster);
        let whole = Record { shared, vague, ..whole };
        let data = if encoded {
            Record { content: Content::Encoded, ..whole }
        } else {
            Record { content: Content::Data, place: Some(bytes(place)), ..whole }
        };
        [data.within(from, end), Record { content: Content::Preallocated, ..whole }.within(end, to)]
    }

    /// A compressed unit has its clusters first and none behind them ([MS-FSCC] 2.3.34.1). Without the sparse attribute,
    /// data may lie where this list says nothing of.
    fn without_place(&self, whole: &Record, nowhere: bool) -> [Option<Record>; 2] {
        let (from, end) = (whole.offset, whole.end().min(self.size));
        let unit_end = match self.compression_unit {
            None => from,
            Some(unit @ 1..) if self.sparse => from.checked_next_multiple_of(unit).unwrap_or(end),
            Some(_) => end,
        };
        let content = if nowhere && self.sparse { Content::Hole } else { Content::Pending };
        let of_unit = Record { content: Content::Encoded, ..*whole };
        [of_unit.within(from, unit_end.min(end)), Record { content, ..*whole }.within(unit_end, end)]
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;
    use crate::sys::api::{Errno, unsupported};
    use crate::sys::errno::{EIO, EOPNOTSUPP};

    const CLUSTER: u64 = 4096;
    /// LCN -1.
    const NOWHERE: i64 = -1;

    #[cfg(unix)]
    const NONE: Fd = -1;
    #[cfg(windows)]
    const NONE: Fd = core::ptr::null_mut();

    /// A file by the manual: runs of clusters, their place and their count.
    struct Manual {
        facts: Facts,
        runs: Vec<(u64, i64, u32)>,
        /// What the flush says, and what the request.
        flush: Result<()>,
        request: Result<()>,
        asked: Cell<u32>,
    }

    const NTFS: Facts = Facts {
        cluster: CLUSTER,
        size: 0,
        counts: false,
        ntfs: true,
        sparse: false,
        encrypted: false,
        compression_unit: None,
    };
    const REFS: Facts = Facts { counts: true, ntfs: false, ..NTFS };

    fn file(facts: Facts, size: u64, runs: &[(u64, i64, u32)]) -> Manual {
        let facts = Facts { size, ..facts };
        Manual { facts, runs: runs.to_vec(), flush: Ok(()), request: Ok(()), asked: 0.into() }
    }

    impl PointerCalls for Manual {
        fn facts(&self, _: Fd) -> Result<Facts> {
            Ok(self.facts)
        }
        fn write_out(&self, _: Fd) -> Result<()> {
            self.flush
        }
        /// [MS-FSA] 2.1.5.10.16: it begins with the run that the first cluster is in.
        fn pointers(&self, _: Fd, first: i64, counts: bool, answer: &mut [u64]) -> Result<bool> {
            self.asked.set(self.asked.get() + 1);
            self.request?;
            assert!(first >= 0 && counts == self.facts.counts);
            let mut at = 0;
            let all = self.runs.iter().map(|(clusters, place, count)| {
                at += clusters;
                (at - clusters, at, *place, *count)
            });
            let behind: Vec<_> = all.filter(|run| run.1 > first as u64).collect();
            let Some(start) = behind.first() else { return Err(errno_of(HANDLE_EOF)) };
            let each = if counts { 3 } else { 2 };
            let room = (answer.len() - 2) / each;
            // What is only there to align is anything.
            answer[0] = 0xdead_0000_0000 << 16 | behind.len().min(room) as u64;
            answer[1] = start.0;
            for (words, run) in answer[2..].chunks_exact_mut(each).zip(&behind) {
                let all = [run.1, run.2 as u64, 0xbeef << 32 | u64::from(run.3)];
                words.copy_from_slice(&all[..each]);
            }
            Ok(behind.len() > room)
        }
    }

    fn of(file: &Manual) -> Vec<Record> {
        let mut batch = Batch::default();
        map(file, NONE, 0, i64::MAX as u64, true, &mut batch).unwrap();
        batch.records().to_vec()
    }

    /// What matters of each: content, length, place.
    fn brief(records: &[Record]) -> Vec<(Content, u64, Option<u64>)> {
        for pair in records.windows(2) {
            assert_eq!((pair[0].end(), pair[0].last), (pair[1].offset, false));
        }
        assert!(records.last().is_none_or(|last| last.last));
        records.iter().map(|record| (record.content, record.length, record.place)).collect()
    }

    #[test]
    fn clusters_become_bytes_and_end_with_the_file() {
        let runs = [(2, 10, 0), (1, 100, 0), (4, 50, 0)];
        let records = of(&file(NTFS, 3 * CLUSTER + 5, &runs));
        assert_eq!(
            brief(&records),
            [
                (Content::Data, 2 * CLUSTER, Some(10 * CLUSTER)),
                (Content::Data, CLUSTER, Some(100 * CLUSTER)),
                (Content::Data, CLUSTER, Some(50 * CLUSTER)),
                (Content::Preallocated, 3 * CLUSTER, None),
            ]
        );
        assert!(records.iter().all(|record| !record.shared && !record.vague));
    }

    #[test]
    fn nothing_there_is_a_hole_only_in_a_sparse_file() {
        let runs = [(1, 10, 0), (3, NOWHERE, 0)];
        for (sparse, content) in [(true, Content::Hole), (false, Content::Pending)] {
            let records = of(&file(Facts { sparse, ..NTFS }, 3 * CLUSTER + 1, &runs));
            let wanted = [(Content::Data, CLUSTER, Some(10 * CLUSTER)), (content, 2 * CLUSTER + 1, None)];
            assert_eq!(brief(&records), wanted);
        }
        let odd = of(&file(Facts { sparse: true, ..NTFS }, CLUSTER, &[(1, -2, 0)]));
        assert_eq!(brief(&odd), [(Content::Pending, CLUSTER, None)]);
    }

    #[test]
    fn what_no_run_says_anything_of_is_no_hole() {
        let sparse = Facts { sparse: true, ..NTFS };
        let short = of(&file(sparse, 10 * CLUSTER, &[(1, 10, 0)]));
        assert_eq!(brief(&short)[1], (Content::Pending, 9 * CLUSTER, None));
        let empty = of(&file(sparse, 10 * CLUSTER, &[]));
        assert_eq!(brief(&empty), [(Content::Pending, 10 * CLUSTER, None)]);
    }

    #[test]
    fn a_small_file_on_ntfs_lies_in_its_record() {
        let content = |facts, size| brief(&of(&file(facts, size, &[])))[0].0;
        assert_eq!(content(NTFS, 700), Content::Inline);
        assert_eq!(content(NTFS, 4096), Content::Pending);
        assert_eq!(content(REFS, 700), Content::Pending);
        assert!(of(&file(NTFS, 0, &[])).is_empty());
    }

    #[test]
    fn a_compressed_unit_is_one_extent_with_its_rest() {
        let unit = Some(16 * CLUSTER);
        // 9 clusters and the rest of the unit; a unit that did not compress; one of zeros, which follows a rest.
        let runs = [(9, 100, 0), (7, NOWHERE, 0), (16, 300, 0), (3, 500, 0), (29, NOWHERE, 0)];
        let sparse = Facts { sparse: true, compression_unit: unit, ..NTFS };
        let records = of(&file(sparse, 64 * CLUSTER, &runs));
        let wanted = [
            (Content::Encoded, 16 * CLUSTER, None),
            (Content::Encoded, 16 * CLUSTER, None),
            (Content::Encoded, 16 * CLUSTER, None),
            (Content::Hole, 16 * CLUSTER, None),
        ];
        assert_eq!(brief(&records), wanted);
        // Without the attribute, or with a unit that nobody knows, it is not said to be a hole.
        for facts in [Facts { sparse: false, ..sparse }, Facts { compression_unit: Some(0), ..sparse }] {
            let records = of(&file(facts, 64 * CLUSTER, &runs));
            assert!(records.iter().all(|record| record.content == Content::Encoded), "{records:?}");
        }
        let encrypted = of(&file(Facts { encrypted: true, ..NTFS }, CLUSTER, &[(1, 9, 0)]));
        assert_eq!(brief(&encrypted), [(Content::Encoded, CLUSTER, None)]);
    }

    #[test]
    fn a_count_above_one_is_shared_and_one_is_known_of_a_single_cluster_only() {
        let runs = [(4, 10, 2), (1, 50, 1), (2, 60, 1), (1, 70, 0)];
        let records = of(&file(REFS, 8 * CLUSTER, &runs));
        let said: Vec<_> = records.iter().map(|record| (record.shared, record.vague)).collect();
        assert_eq!(said, [(true, false), (false, false), (false, true), (false, true)]);
    }

    #[test]
    fn many_runs_take_many_requests() {
        let runs: Vec<_> = (0..1000).map(|at| (1 + at % 3, 7 * at as i64, 2)).collect();
        let size = runs.iter().map(|run| run.0).sum::<u64>() * CLUSTER;
        for facts in [NTFS, REFS] {
            let file = file(facts, size, &runs);
            let (mut batch, mut at, mut seen) = (Batch::default(), 0, 0);
            loop {
                map(&file, NONE, at, i64::MAX as u64, false, &mut batch).unwrap();
                let records = batch.records();
                assert!(records.first().is_some_and(|first| first.offset == at));
                seen += records.len();
                at = records.last().unwrap().end();
                if records.last().unwrap().last {
                    break;
                }
            }
            assert_eq!((seen, at, file.asked.get()), (1000, size, 10));
        }
        // From the middle of a run on.
        let file = file(REFS, size, &runs);
        let mut batch = Batch::default();
        map(&file, NONE, 2 * CLUSTER + 7, CLUSTER, true, &mut batch).unwrap();
        assert_eq!(batch.records()[0].offset, CLUSTER);
    }

    #[test]
    fn an_answer_that_leads_nowhere_ends_the_map_as_unknown() {
        for answer in
            [vec![], vec![3, 0], vec![9, 5, 5, 1, 1], vec![2, 9, 4, 1, 1, 9, 9, 9], vec![u64::MAX; WORDS]]
        {
            assert_eq!(runs(&answer, true).count(), 0, "{answer:?}");
        }
        let back: Vec<_> = runs(&[2, 0, 4, 1, 1, 3, 9, 9], true).map(|run| run.clusters).collect();
        assert_eq!(back, [(0, 4)]);
        assert_eq!(runs(&[9, 0, u64::MAX, 1, 1], true).count(), 1);
        let large = Facts { size: i64::MAX as u64, ..NTFS };
        let run = Run { clusters: (0, u64::MAX), place: i64::MAX, references: 1 };
        let cut: Vec<_> = large.records(&run).into_iter().flatten().map(|record| record.offset).collect();
        assert_eq!(cut, [0, 1 << 63]);
    }

    #[test]
    fn a_flush_that_is_refused_matters_where_something_waits_for_its_place() {
        let refused = |facts| {
            let file = Manual { flush: Err(errno_of(5)), ..file(facts, CLUSTER, &[(1, 10, 1)]) };
            map(&file, NONE, 0, CLUSTER, true, &mut Batch::default())
        };
        assert_eq!(refused(NTFS), Ok(()));
        assert_eq!(refused(REFS), Err(errno_of(5)));
        assert_eq!(refused(Facts { sparse: true, ..NTFS }), Err(errno_of(5)));
        let full = Manual { flush: Err(Errno(EIO)), ..file(NTFS, CLUSTER, &[(1, 10, 1)]) };
        assert_eq!(map(&full, NONE, 0, CLUSTER, true, &mut Batch::default()), Err(Errno(EIO)));
        assert_eq!(map(&full, NONE, 0, CLUSTER, false, &mut Batch::default()), Ok(()));
    }

    #[test]
    fn a_refusal_of_the_request_stays_one() {
        let refused = Manual { request: unsupported(), ..file(NTFS, CLUSTER, &[]) };
        assert_eq!(map(&refused, NONE, 0, 1, true, &mut Batch::default()), Err(Errno(EOPNOTSUPP)));
    }
}
