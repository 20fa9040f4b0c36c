//! What can be made to go wrong, and when: the n-th call of all or of one kind, once or for good.
//! The model asks before each call; a fault that was never due is how a loop over n knows its end.

use super::Call;

/// What happens instead of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and does nothing.
    Errno(i32),
    /// It does all it should, and says that it failed (a reply that was lost).
    DoneThen(i32),
    /// It succeeds, oddly.
    Odd(Odd),
    /// It panics: a defect of the library.
    Panics,
}

/// Results that are no error and not what was asked for either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// Reads, writes, kernel copies: a part of a block.
    Short,
    /// They move nothing and return 0.
    Zero,
    /// They say one more than they were asked for.
    TooMuch,
    /// A clone leaves out its last block, and reports success.
    ShortClone,
    /// A clone shares its first block, and fails with this errno.
    DirtyClone(i32),
    /// A dedupe reports success and shared nothing, whatever the ranges hold.
    SaysShared,
    /// A dedupe reports a difference where there is none.
    SaysDiffers,
    /// SEEK_DATA and SEEK_HOLE answer with a place before the one they were asked about.
    Backwards,
}

impl Odd {
    /// Whether it is a result that this call can have.
    pub fn applies_to(self, call: Call) -> bool {
        match self {
            Self::Short | Self::Zero | Self::TooMuch => {
                matches!(
                    call,
                    Call::ReadAt
                        | Call::WriteAt
                        | Call::ReadNext
                        | Call::WriteNext
                        | Call::KernelCopy
                        | Call::Dedupe
                        | Call::CloneByFlag
                )
            }
            // Not of DuplicateExtents: the size is set before it, so that nothing would show it.
            Self::ShortClone => matches!(call, Call::CloneFile | Call::CloneRange | Call::CloneNew),
            Self::DirtyClone(_) => matches!(
                call,
                Call::CloneFile | Call::CloneRange | Call::DuplicateExtents | Call::CloneByFlag
            ),
            Self::SaysShared | Self::SaysDiffers => call == Call::Dedupe,
            Self::Backwards => matches!(call, Call::SeekData | Call::SeekHole),
        }
    }
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// One call.
    Once,
    /// This many calls of the kind.
    Times(usize),
    /// Every call of the kind from then on.
    Kind,
    /// Every call from then on.
    All,
}

/// Which call a fault begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The n-th of all, from 1.
    Nth(usize),
    /// The n-th of a kind, from 1.
    Of(Call, usize),
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    place: Place,
    fault: Fault,
    lasting: Lasting,
    /// The kind and the number of it that the fault began with.
    began: Option<(Call, usize)>,
}

/// All that is planned to go wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    planned: Vec<Planned>,
    /// How many calls a fault was put into.
    pub fired: usize,
}

impl Faults {
    /// Plans one more.
    pub fn plan(&mut self, place: Place, fault: Fault, lasting: Lasting) {
        self.planned.push(Planned { place, fault, lasting, began: None });
    }

    /// The fault for this call, the `nth` of all and the `of_kind`-th of its kind.
    pub(super) fn due(&mut self, call: Call, nth: usize, of_kind: usize) -> Option<Fault> {
        for planned in &mut self.planned {
            let begins = planned.place == Place::Nth(nth) || planned.place == Place::Of(call, of_kind);
            if begins {
                planned.began = Some((call, of_kind));
            }
            let Some((kind, first)) = planned.began else { continue };
            let due = match planned.lasting {
                Lasting::Once => begins,
                Lasting::Times(times) => call == kind && of_kind < first + times,
                Lasting::Kind => call == kind,
                Lasting::All => true,
            };
            let possible = match planned.fault {
                Fault::Odd(odd) => odd.applies_to(call),
                _ => true,
            };
            if due && possible {
                self.fired += 1;
                return Some(planned.fault);
            }
        }
        None
    }
}
