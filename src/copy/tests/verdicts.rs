//! What must hold after a scenario ran, whatever was put into it: the destination, the directories, the descriptors,
//! the report and the error. The instants in between are the model's watch.

use super::{Api, Bench, Outcome, Scenario, Source, There};
use crate::copy::{Durability, Method, Mode, Reason, table};
use crate::error::{Cause, Error, Side, Step};
use crate::sys::Errno;
use crate::sys::errno::{
    EDQUOT, EEXIST, EINVAL, EIO, ENOENT, ENOMEM, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM, EROFS, EUCLEAN,
};
use crate::sys::model::fault::{Fault, Lasting, Odd};
use crate::sys::model::system::System;
use crate::sys::model::{Call, Event};

/// A fault as the sweep put it in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Injected {
    pub fault: Fault,
    pub lasting: Lasting,
}

impl Injected {
    fn errno(self) -> Option<i32> {
        match self.fault {
            Fault::Errno(errno) | Fault::DoneThen(errno) | Fault::Odd(Odd::DirtyClone(errno)) => Some(errno),
            _ => None,
        }
    }
}

/// One run to be judged.
pub(crate) struct Judged<'a> {
    pub scenario: &'a Scenario,
    pub bench: &'a Bench,
    pub outcome: &'a Outcome,
    /// What the scenario came to with nothing put in.
    pub untouched: &'a Outcome,
    pub injected: Option<Injected>,
}

impl Judged<'_> {
    /// Says what does not hold, with the story of the calls that led to it.
    pub(crate) fn broken(&self) -> Option<String> {
        let kept = || self.leaks().or_else(|| self.litter()).or_else(|| self.swallowed());
        let told = || self.contradiction().or_else(|| self.published_wrongly_told());
        let broken = kept().or_else(told).or_else(|| match self.outcome.result {
            Ok(()) => self.success(),
            Err(error) => self.failure(error),
        })?;
        let world = self.bench.model.world();
        let (result, report) = (self.outcome.result, self.outcome.report);
        Some(format!("{broken}\n{result:?} {report:?}\n{}\n{}", world.label, world.story()))
    }

    /// Whether a file that was there was written to. One that was said not to be there is not.
    fn in_place(&self) -> bool {
        let publishing = self.outcome.result.is_err_and(|error| error.step == Step::Publish);
        self.scenario.in_place() && !publishing
    }

    /// Method, counts, reason, step and flags of every outcome tell one story.
    fn contradiction(&self) -> Option<String> {
        let (report, mode) = (&self.outcome.report, self.scenario.options.mode);
        let (failed, by_name) = (self.outcome.result.is_err(), self.scenario.api == Api::File);
        let step = self.outcome.result.map_or_else(|error| error.step, |()| Step::None);
        let of_clone = matches!(step, Step::Clone(_));
        let in_place = self.in_place();
        let (cloned, copied, rest) =
            (report.cloned > 0, report.kernel_copied > 0, report.copied_any() + report.holes > 0);
        let counted = match report.method() {
            Method::None => !cloned && !rest,
            Method::Clone => !rest && (cloned || self.bench.source_size() == 0),
            Method::Mixed if failed && !rest => cloned || (report.destination_changed && of_clone),
            Method::Mixed if report.left_out => cloned && !rest && self.scenario.options.share_only,
            Method::Mixed => cloned && rest,
            Method::KernelCopy => !cloned && copied,
            Method::Copy => !cloned && !copied && rest,
        };
        let refused = report.clone_error != 0;
        let begun = report.total() > 0;
        let rules = [
            (counted, "the method is not what the counts say"),
            (!refused || !matches!(report.reason, Reason::None | Reason::NotAsked), "refused for no reason"),
            ((report.reason == Reason::NotAsked) <= (mode == Mode::Never), "a reason of NEVER"),
            (mode != Mode::Never || !(cloned || refused || of_clone), "NEVER, and a clone"),
            (mode != Mode::Always || !rest, "ALWAYS, and bytes copied"),
            (cloned || report.clone_offset == 0, "nothing cloned, and a place for it"),
            (!matches!(step, Step::OpenSource | Step::Create) || !begun, "bytes before there was a file"),
            (by_name || !report.published, "published without a name"),
            (failed || report.published == by_name, "success, and not published"),
            (failed && in_place || !report.destination_changed, "a new file is no changed destination"),
            (!failed || !in_place || !begun || report.destination_changed, "bytes, and nothing changed"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, what)| format!("the report: {what}"))
    }

    /// The flag against the table of names.
    fn published_wrongly_told(&self) -> Option<String> {
        if self.scenario.in_place() {
            return None; // `contradiction` says all there is to it
        }
        let world = self.bench.model.world();
        let there = world.disk.lookup(self.bench.directory, b"copy")?;
        let new = self.scenario.api == Api::File && world.disk.inodes[there].engines;
        let told = self.outcome.report.published;
        // An unfinished file that could not be removed, and a name that could not be looked at.
        let unfinished = self.scenario.options.durability == Durability::Unstaged && self.cannot_clean();
        let unseen = world.log.iter().any(|event| {
            event.injected && matches!(event.call, Call::Stat | Call::StatName) && event.outcome.is_err()
        });
        let excused = !told && (unfinished || unseen);
        (told != new && !excused).then(|| format!("published: {told}, and it is {new}"))
    }

    /// The flag against the destination's content.
    fn change_wrongly_told(&self) -> Option<String> {
        let world = self.bench.model.world();
        let callers = world.watch.callers.as_ref()?;
        let inode = &world.disk.inodes[callers.ino];
        let report = &self.outcome.report;
        if !inode.data().same_bytes(&callers.before) {
            return (!report.destination_changed)
                .then(|| "the destination changed, and nobody says so".into());
        }
        let untouched = (inode.version, inode.meta_version) == (0, 0);
        let unseen = world.log.iter().any(|event| event.injected && event.call == Call::Stat);
        let closing = self.outcome.result.is_err_and(|error| error.step == Step::Close);
        let excused = !untouched || unseen || closing || report.reason == Reason::Failure;
        (report.destination_changed && !excused)
            .then(|| "nothing was touched, and it is called changed".into())
    }

    fn leaks(&self) -> Option<String> {
        let leaked = self.bench.model.world().leaked();
        (!leaked.is_empty()).then(|| format!("descriptors were left open: {leaked:?}"))
    }

    /// Whether the very calls by which a name is removed, or seen to be the engine's own, fail for
    /// good.
    fn cannot_clean(&self) -> bool {
        let world = self.bench.model.world();
        let for_good = self.injected.is_some_and(|injected| {
            matches!(injected.lasting, Lasting::Kind | Lasting::All | Lasting::Times(_))
        });
        let cleaning =
            |event: &&Event| is_removal(event) || matches!(event.call, Call::StatName | Call::Stat);
        for_good && world.log.iter().filter(cleaning).any(|event| event.injected)
    }

    fn litter(&self) -> Option<String> {
        let litter = self.bench.litter();
        let excused = self.cannot_clean() || self.removal_failed_twice();
        let told = self.outcome.report.litter.map(|name| name.as_c_str().to_str().unwrap().to_owned());
        match told {
            _ if !litter.is_empty() && !excused => Some(format!("left behind: {litter:?}")),
            None if litter.is_empty() || self.cannot_look() => None,
            Some(name) if litter.contains(&name) || self.cannot_look() => None,
            told => Some(format!("left behind: {litter:?}, reported: {told:?}")),
        }
    }

    /// Whether nobody can tell if a name is there.
    fn cannot_look(&self) -> bool {
        let world = self.bench.model.world();
        self.injected.is_some_and(|injected| injected.lasting == Lasting::All)
            || world.log.iter().any(|event| event.call == Call::StatName && event.injected)
    }

    fn removal_failed_twice(&self) -> bool {
        let world = self.bench.model.world();
        world.log.iter().filter(|event| is_removal(event) && event.outcome.is_err()).count() > 1
    }

    /// A real failure of a call that moves or keeps data must come out.
    fn swallowed(&self) -> Option<String> {
        let errno = self.injected?.errno()?;
        let real = [EIO, ENOSPC, EDQUOT, ENOMEM, EROFS, EUCLEAN].contains(&errno);
        if !real || self.outcome.result.is_err() {
            return None;
        }
        let world = self.bench.model.world();
        let failed = |event: &&Event| event.injected && event.outcome == Err(errno);
        let event = world.log.iter().filter(failed).find(|event| !self.may_pass(event, errno))?;
        let last = std::ptr::from_ref(event).addr() - world.log.as_ptr().addr();
        let later = &world.log[last / size_of::<Event>() + 1..];
        let closing = later.iter().all(|event| event.call == Call::Close);
        if event.call == Call::Stat && closing {
            return None; // who it is, in case the close goes wrong; it did not
        }
        Some(format!("{:?} failed with {errno}, and nothing was said", event.call))
    }

    /// The calls whose failure costs no data: questions that only look for a better way, and closes
    /// of files that were only read.
    fn may_pass(&self, event: &Event, errno: i32) -> bool {
        let best_effort = self.scenario.options.best_effort_metadata;
        match event.call {
            Call::StatName | Call::ReopenSource | Call::Volume | Call::Access => true,
            // Of a range in one file the source is the destination.
            Call::Stat => event.of_copy.is_none() || self.scenario.there == There::Source,
            Call::Unlink | Call::RemoveDirectory => self.bench.litter().is_empty(), // the second try went well
            // Of a source that was only read, or of a draft that was thrown away; a caller's file is not closed.
            Call::Close => event
                .of_copy
                .is_none_or(|ino| ![self.bench.there(), self.bench.overwritten()].contains(&Some(ino))),
            // Whether CLONE_ACL is known.
            Call::CloneNew => event.fds == [-1, -1],
            // A clone that is all there, with an attribute too many.
            Call::SetSparse => event.numbers[0] == 0,
            // The second try went well.
            Call::EndOfFile | Call::SetEndOfFile | Call::SetIntegrity => self.made_good(event),
            Call::KernelCopy => errno == EIO && (self.scenario.from.remote || self.scenario.to.remote),
            // A server that says so of every attribute does not know the call.
            Call::GetAttribute if errno == EIO && self.scenario.from.remote && event.of_copy.is_none() => {
                true
            }
            Call::SetMode
            | Call::SetOwner
            | Call::SetTimes
            | Call::ListAttributes
            | Call::GetAttribute
            | Call::SetAttribute
            | Call::RemoveAttribute
            | Call::GroupEntry
            | Call::CopyAcl
            | Call::Flags
            | Call::SetFlags
            | Call::SetTimesToNow => best_effort && table::metadata_refused(Errno(errno)),
            _ => false,
        }
    }

    /// Whether a part of what was refused had been cloned before, in a call of its own, over bytes that
    /// nobody can bring back; or nothing works any more by which the old size could be.
    fn begun_or_stuck(&self) -> bool {
        let world = self.bench.model.world();
        let begun = |event: &Event| event.call == Call::CloneByFlag && matches!(event.outcome, Ok(1..));
        let stuck = |event: &Event| {
            event.injected
                && matches!(event.call, Call::SetSize | Call::SetEndOfFile)
                && event.outcome.is_err()
        };
        let all = self.injected.is_some_and(|injected| injected.lasting == Lasting::All);
        world.log.iter().any(|event| begun(event) || (all && stuck(event)))
    }

    /// Whether the next call is the same once more, and succeeds.
    fn made_good(&self, event: &Event) -> bool {
        let world = self.bench.model.world();
        let later = |other: &&Event| std::ptr::from_ref(*other) > std::ptr::from_ref(event);
        world.log.iter().find(later).is_some_and(|next| {
            (next.call, next.fds, next.numbers) == (event.call, event.fds, event.numbers)
                && next.outcome.is_ok()
        })
    }

    fn success(&self) -> Option<String> {
        if let Err(error) = self.untouched.result {
            // A fault cannot make possible what was not, but for a source that says it has no
            // attributes to bring over.
            let none = self
                .injected
                .and_then(Injected::errno)
                .is_some_and(|errno| [EOPNOTSUPP, ENOSYS, EINVAL].contains(&errno));
            if none && matches!(error.step, Step::Metadata(_)) {
                return None;
            }
            return Some(format!("succeeded where it is {error}"));
        }
        let done = if self.scenario.in_place() { self.range_is_there() } else { self.published() };
        done.or_else(|| self.report())
    }

    fn published(&self) -> Option<String> {
        let Some(ino) = self.bench.there() else { return Some("success, and no file".into()) };
        let world = self.bench.model.world();
        let made = &world.disk.inodes[ino];
        if !made.engines {
            return Some("success, and the old file".into());
        }
        drop(world);
        if !self.bench.is_copy(ino) && !self.source_cut_short() {
            return Some("success, and the bytes differ".into());
        }
        None
    }

    /// A source without size or blocks that reads as ended cannot be known to be longer.
    fn source_cut_short(&self) -> bool {
        let zero = self.injected.is_some_and(|injected| injected.fault == Fault::Odd(Odd::Zero));
        zero && matches!(self.scenario.source, Source::Pseudo | Source::Sysfs | Source::Hole)
    }

    /// A clone of a range that shares less than it says, inside what the destination has already,
    /// leaves nothing to see it by.
    fn clone_lied_unseen(&self) -> bool {
        self.injected.is_some_and(|injected| injected.fault == Fault::Odd(Odd::ShortClone))
            && self.scenario.in_place()
            && !matches!(self.scenario.there, There::File(0))
            && self.scenario.ranges(self.bench).0.start < 9000
    }

    fn range_is_there(&self) -> Option<String> {
        let (to, from) = self.scenario.ranges(self.bench);
        let total = self.outcome.report.total();
        if self.source_cut_short() || self.clone_lied_unseen() {
            return None;
        }
        if self.scenario.options.share_only {
            return self.shared_only();
        }
        if total != to.end - to.start {
            return Some(format!("success, and {total} bytes done of {}", to.end - to.start));
        }
        self.stretch_differs(to.start, from.start, total).or_else(|| {
            let world = self.bench.model.world();
            let ino = world.watch.callers.as_ref()?.ino;
            let as_long = world.disk.data(ino).size == to.end;
            (!matches!(self.scenario.api, Api::Range { .. }) && !as_long)
                .then(|| "success, and the size differs".into())
        })
    }

    /// What is called shared holds the source's bytes, and all other bytes are what they were.
    fn shared_only(&self) -> Option<String> {
        let (to, from) = self.scenario.ranges(self.bench);
        let report = &self.outcome.report;
        if report.cloned != report.total() {
            return Some("something else than shared bytes is told".into());
        }
        if let Some(differs) = self.stretch_differs(
            to.start + report.clone_offset,
            from.start + report.clone_offset,
            report.cloned,
        ) {
            return Some(differs);
        }
        let odd = matches!(self.injected.map(|injected| injected.fault), Some(Fault::Odd(_)));
        if odd || self.begun_or_stuck() {
            return None; // a part was cloned of what was refused
        }
        let world = self.bench.model.world();
        let callers = world.watch.callers.as_ref()?;
        let (now, before) = (world.disk.data(callers.ino), &callers.before);
        let head = to.start + report.clone_offset;
        let tail = head + report.cloned;
        let kept = now.same_stretch(0, before, 0, head.min(before.size))
            && (tail >= before.size || now.same_stretch(tail, before, tail, before.size - tail));
        (!kept).then(|| "bytes were written that are not shared".into())
    }

    fn stretch_differs(&self, to: u64, from: u64, length: u64) -> Option<String> {
        let world = self.bench.model.world();
        let ino = world.watch.callers.as_ref()?.ino;
        let copy = world.disk.data(ino);
        let same = match &world.disk.inodes[self.bench.source].what {
            crate::sys::model::disk::What::Pseudo { content, .. } => {
                copy.bytes(to, length)
                    == content.iter().skip(from as usize).take(length as usize).copied().collect::<Vec<u8>>()
            }
            crate::sys::model::disk::What::File(source) if ino != self.bench.source => {
                copy.same_stretch(to, source, from, length)
            }
            _ => {
                let before = &world.watch.callers.as_ref()?.before;
                copy.same_stretch(to, before, from, length)
            }
        };
        (!same).then(|| format!("{length} bytes are said to be done, and differ"))
    }

    /// The report of a success: it adds up, and what it calls shared is.
    fn report(&self) -> Option<String> {
        let report = &self.outcome.report;
        let (to, from) = self.scenario.ranges(self.bench);
        let share_only = self.scenario.options.share_only;
        if report.total() != to.end - to.start
            && !share_only
            && !self.source_cut_short()
            && !self.clone_lied_unseen()
        {
            return Some("the report does not add up".into());
        }
        let world = self.bench.model.world();
        let callers = world.watch.callers.as_ref().map(|callers| callers.ino);
        let ino = callers.or_else(|| world.disk.lookup(self.bench.directory, b"copy"))?;
        let crate::sys::model::disk::What::File(source) = &world.disk.inodes[self.bench.source].what else {
            return (report.cloned > 0).then(|| "a clone of a file that has no blocks".into());
        };
        let found = world.disk.data(ino).sharing(to.start, source, from.start, to.end - to.start);
        if report.cloned > found.shared + found.holes && !self.clone_lied_unseen() {
            return Some(format!("{} bytes are called cloned, and it is {found:?}", report.cloned));
        }
        // A part was cloned of what was refused: nothing is copied over it then.
        let odd = matches!(self.injected, Some(Injected { fault: Fault::Odd(_), .. }));
        let refused_late = share_only && (odd || self.begun_or_stuck());
        if report.cloned == 0 && report.kernel_copied == 0 && found.shared > 0 && !refused_late {
            return Some(format!("{} bytes are shared, and nobody says so", found.shared));
        }
        if self.scenario.options.mode == Mode::Never && found.shared > 0 {
            return Some("shared, though a true copy was asked for".into());
        }
        if self.scenario.options.mode == Mode::Always && report.cloned < report.total() {
            return Some("copied, though a clone was asked for".into());
        }
        let all_cloned = report.cloned == if share_only { to.end - to.start } else { report.total() };
        if all_cloned != (report.reason == Reason::None) && report.total() > 0 {
            return Some(format!("the reason is {:?} for {} bytes cloned", report.reason, report.cloned));
        }
        report.source_changed.then(|| "the source is said to have changed".into())
    }

    fn failure(&self, error: Error) -> Option<String> {
        self.unexplained(error).or_else(|| self.wrong_side(error)).or_else(|| {
            if self.in_place() { self.callers_after_failure() } else { self.name_after_failure(error) }
        })
    }

    /// The error of one call that was made to fail has the side of that call.
    fn wrong_side(&self, error: Error) -> Option<String> {
        let injected = self.injected?;
        let (Fault::Errno(put_in), Lasting::Once) = (injected.fault, injected.lasting) else { return None };
        let own = self.untouched.result.is_err() || self.scenario.there == There::Source;
        if own || error.os_error() != put_in {
            return None;
        }
        let world = self.bench.model.world();
        let event = world.log.iter().find(|event| event.injected)?;
        let side = match event.side {
            Side::Neither => table::side(Errno(put_in)),
            side => side,
        };
        // Elsewhere a clone is several calls behind one of the trait, and makes the file too.
        let elsewhere = self.scenario.to.system != System::Linux;
        let of_many = elsewhere
            && (error.step == Step::Clone(table::side(Errno(put_in)))
                || (event.call == Call::CloneNew && error.step == Step::Create));
        (error.step.side() != side && !of_many)
            .then(|| format!("{:?} failed on {side:?}, and it is {error}", event.call))
    }

    fn name_after_failure(&self, error: Error) -> Option<String> {
        let world = self.bench.model.world();
        if world.watch.name_is_old(&world.disk) {
            return None;
        }
        let new = world.disk.lookup(self.bench.directory, b"copy");
        let complete = new.is_some_and(|ino| world.disk.inodes[ino].engines && self.bench.is_copy(ino));
        drop(world);
        let options = self.scenario.options;
        let unstaged = options.durability == Durability::Unstaged && self.scenario.there == There::Nothing;
        if unstaged && self.cannot_clean() {
            return None;
        }
        // The header's own exceptions: the directory's sync and the close come after the name, and
        // so does a lost reply to the very call that gave it.
        let after_name = error.step == Step::Close
            || (error.step == Step::Sync && options.durability == Durability::Durable)
            || self.injected.is_some_and(|injected| matches!(injected.fault, Fault::DoneThen(_)))
            || self.removal_failed_twice();
        if after_name && complete {
            return None;
        }
        Some(format!("it failed, and the name shows {}", if complete { "the copy" } else { "a part" }))
    }

    /// What was done so far is done right; a clone that was refused changed nothing.
    fn callers_after_failure(&self) -> Option<String> {
        let (to, from) = self.scenario.ranges(self.bench);
        let total = self.outcome.report.total();
        if total > to.end - to.start {
            return Some(format!("{total} bytes are said to be done of {}", to.end - to.start));
        }
        if let Some(wrong) = self.change_wrongly_told() {
            return Some(wrong);
        }
        let dirty = matches!(self.injected.map(|injected| injected.fault), Some(Fault::Odd(_)));
        if dirty {
            return None;
        }
        let skipped = if self.scenario.options.share_only { self.outcome.report.clone_offset } else { 0 };
        if let Some(differs) = self.stretch_differs(to.start + skipped, from.start + skipped, total) {
            return Some(differs);
        }
        let world = self.bench.model.world();
        let callers = world.watch.callers.as_ref()?;
        let refused = self.scenario.options.mode == Mode::Always
            && self
                .outcome
                .result
                .is_err_and(|error| matches!(error.step, Step::Clone(_)) && not_possible(error))
            && self.injected.is_none_or(|injected| matches!(injected.fault, Fault::Errno(_)));
        // A clone of the same data that was granted before said that it can be.
        let cloning = |event: &Event| {
            matches!(event.call, Call::CloneRange | Call::DuplicateExtents | Call::CloneByFlag)
        };
        let granted = world.log.iter().any(|event| cloning(event) && event.outcome.is_ok());
        let same = world.disk.data(callers.ino).same_bytes(&callers.before);
        let changed = !same && total == 0 && !granted && !self.begun_or_stuck();
        (refused && changed).then(|| "the clone was refused, and the destination changed".into())
    }

    /// The error is the one that was put in, or the one that is there without it, or follows from it.
    fn unexplained(&self, error: Error) -> Option<String> {
        if self.untouched.result == Err(error) {
            return None;
        }
        let Some(injected) = self.injected else { return Some(format!("failed: {error}")) };
        let world = self.bench.model.world();
        let mine = injected.errno().is_some_and(|errno| errno == error.errno());
        let odd = matches!(injected.fault, Fault::Odd(_))
            && (error.cause == Cause::Inconsistent || error.errno() == EIO);
        // Without links there is no other way than the one that was made to fail.
        let no_way = !self.scenario.to.links && error.step == Step::Publish && error.errno() == EPERM;
        // A reply that was lost: the name is there when it is asked for again.
        let lost = matches!(injected.fault, Fault::DoneThen(_)) && error.step == Step::Publish;
        // A name that is taken, and was not seen: then it is the clone that is not possible.
        // So of a link to nothing: then the name is taken, or the clone is not possible.
        let refused = matches!(error.step, Step::Clone(_)) && not_possible(error);
        let unseen = world.log.iter().any(|event| event.injected && event.call == Call::StatName)
            && self.untouched.result.is_err_and(|seen| match seen.errno() {
                EEXIST => refused,
                ENOENT => refused || error.errno() == EEXIST,
                _ => false,
            });
        // A file that is there, and was said not to be: a new one cannot have its name.
        let not_found = world.log.iter().any(|event| {
            event.injected && event.call == Call::OpenToOverwrite && event.outcome == Err(ENOENT)
        }) && (refused || error.errno() == EEXIST);
        let same = |untouched: Error| {
            untouched.cause == error.cause || (error.errno() != 0 && untouched.errno() == error.errno())
        };
        let same_errno = self.untouched.result.is_err_and(same);
        let explained =
            mine || odd || no_way || lost || unseen || not_found || same_errno || self.seen_as_unknown(error);
        (!explained).then(|| format!("failed with {error}, which was not put in"))
    }

    /// FreeBSD: a range that ends before its end is refused as any other that is not there (EINVAL), and a
    /// kernel that says EINVAL whatever it is asked does not know the flag.
    fn seen_as_unknown(&self, error: Error) -> bool {
        let world = self.bench.model.world();
        let by_flag = world.log.iter().any(|event| event.injected && event.call == Call::CloneByFlag);
        let told = match self.injected.map(|injected| injected.fault) {
            Some(Fault::Odd(Odd::Zero)) => EINVAL,
            Some(Fault::Errno(EINVAL) | Fault::Odd(Odd::DirtyClone(EINVAL))) => EOPNOTSUPP,
            _ => return false,
        };
        by_flag && matches!(error.step, Step::Clone(_)) && error.errno() == told
    }
}

/// Whether the error is one of those that say that a clone cannot be had, not that it went wrong.
fn not_possible(error: Error) -> bool {
    let Cause::System(errno) = error.cause else { return false };
    let reason = crate::copy::table::reason(errno);
    matches!(reason, Reason::Unsupported | Reason::CrossDevice | Reason::File | Reason::Permission)
}

fn is_removal(event: &Event) -> bool {
    matches!(event.call, Call::Unlink | Call::RemoveDirectory)
}
