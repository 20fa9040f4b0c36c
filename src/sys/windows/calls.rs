//! The raw calls of the Windows backend: each one request to the system, its error an errno with the Win32 code behind it.
//! Handles of any kind are served: those that wait for each request, and overlapped ones.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem as nt;
use windows_sys::Win32::Foundation as win32;
use windows_sys::Win32::Storage::FileSystem as files;
use windows_sys::Win32::System::IO::{DeviceIoControl, GetOverlappedResult, IO_STATUS_BLOCK, OVERLAPPED};
use windows_sys::Win32::System::Threading::{CreateEventW, GetCurrentProcess};

use super::errors::errno_of;
use crate::sys::api::{Errno, Fd, Result};
use crate::sys::errno;

/// STATUS_DELETE_PENDING's own Win32 code, for which RtlNtStatusToDosError says "access denied".
const DELETE_PENDING: u32 = win32::ERROR_DELETE_PENDING;

/// What the calling thread's last call said.
pub fn last_error() -> Errno {
    // SAFETY: reads the thread's own value.
    errno_of(unsafe { win32::GetLastError() })
}

/// A BOOL: 0 means that GetLastError says why.
pub fn check(returned: windows_sys::core::BOOL) -> Result<()> {
    if returned == 0 { Err(last_error()) } else { Ok(()) }
}

/// An NTSTATUS. Two of them lose their meaning on the way to a Win32 code.
pub fn check_status(status: win32::NTSTATUS) -> Result<()> {
    match status {
        0.. => Ok(()),
        win32::STATUS_DELETE_PENDING => Err(errno_of(DELETE_PENDING)),
        _ => {
            // SAFETY: a table look-up.
            let code = unsafe { win32::RtlNtStatusToDosError(status) };
            let errno = errno_of(code);
            Err(if status == win32::STATUS_FILE_IS_A_DIRECTORY {
                Errno::standing_for(errno.raw(), errno::EISDIR)
            } else {
                errno
            })
        }
    }
}

/// An offset as the calls take it.
pub fn offset(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Errno(errno::EOVERFLOW))
}

/// A name as NtCreateFile takes it; `names` makes one.
pub struct Name {
    /// The directory it is relative to; NULL for a complete one.
    pub root: Fd,
    /// The name, not ended by anything. Empty: the directory itself.
    pub units: Vec<u16>,
    /// Only a directory can be meant.
    pub is_directory: bool,
}

/// How to open: the arguments of NtCreateFile that differ from call to call.
#[derive(Clone, Copy)]
pub struct Open {
    /// The rights asked for; SYNCHRONIZE comes on top.
    pub access: u32,
    /// What others may do meanwhile (FILE_SHARE_*).
    pub share: u32,
    /// FILE_OPEN or FILE_CREATE.
    pub disposition: u32,
    /// FILE_DIRECTORY_FILE and its like; no call waits alertably, and none is overlapped.
    pub options: u32,
    /// Attributes of a new file.
    pub attributes: u32,
}

/// Opens or makes a file. The handle is not inherited.
pub fn open(name: &Name, how: &Open) -> Result<Fd> {
    let bytes = name.units.len().saturating_mul(2);
    let length = u16::try_from(bytes).map_err(|_| Errno(errno::ENAMETOOLONG))?;
    let text = win32::UNICODE_STRING {
        Length: length,
        MaximumLength: length,
        Buffer: name.units.as_ptr().cast_mut(),
    };
    let object = OBJECT_ATTRIBUTES {
        Length: size_as_u32::<OBJECT_ATTRIBUTES>(),
        RootDirectory: name.root,
        ObjectName: &raw const text,
        Attributes: win32::OBJ_CASE_INSENSITIVE,
        ..OBJECT_ATTRIBUTES::default()
    };
    let directory = if name.is_directory { nt::FILE_DIRECTORY_FILE } else { 0 };
    let (mut handle, mut io) = (ptr::null_mut(), IO_STATUS_BLOCK::default());
    // SAFETY: every pointer is to a local that outlives the call; the text is only read.
    let status = unsafe {
        nt::NtCreateFile(
            &raw mut handle,
            how.access | files::SYNCHRONIZE,
            &raw const object,
            &raw mut io,
            ptr::null(),
            how.attributes,
            how.share,
            how.disposition,
            how.options | directory | nt::FILE_SYNCHRONOUS_IO_NONALERT,
            ptr::null(),
            0,
        )
    };
    check_status(status).map(|()| handle)
}

/// Closes.
pub fn close(fd: Fd) -> Result<()> {
    // SAFETY: the caller owns the handle and gives it up.
    check(unsafe { win32::CloseHandle(fd) })
}

/// Writes a file's data and metadata, or a directory, through to the device.
pub fn flush(fd: Fd) -> Result<()> {
    // SAFETY: plain system call.
    check(unsafe { files::FlushFileBuffers(fd) })
}

/// A second handle to the same open file.
pub fn duplicate(fd: Fd) -> Result<Fd> {
    let mut copy = ptr::null_mut();
    // SAFETY: plain system calls; a bad handle is answered with an error.
    check(unsafe {
        let process = GetCurrentProcess();
        win32::DuplicateHandle(process, fd, process, &raw mut copy, 0, 0, win32::DUPLICATE_SAME_ACCESS)
    })?;
    Ok(copy)
}

/// A structure that consists of integers only, so that any bytes make one.
///
/// # Safety
/// It must be so, and be laid out as the system lays it out.
pub unsafe trait Plain: Copy {}

// SAFETY: integers.
unsafe impl Plain for i64 {}
// SAFETY: integers.
unsafe impl Plain for u32 {}

/// NtQueryInformationFile for a structure of fixed size.
pub fn query<T: Plain>(fd: Fd, class: nt::FILE_INFORMATION_CLASS) -> Result<T> {
    let (mut answer, mut io) = (MaybeUninit::<T>::zeroed(), IO_STATUS_BLOCK::default());
    // SAFETY: the system writes at most the structure's size.
    check_status(unsafe {
        nt::NtQueryInformationFile(
            fd,
            &raw mut io,
            answer.as_mut_ptr().cast::<c_void>(),
            size_as_u32::<T>(),
            class,
        )
    })?;
    // SAFETY: zeroed before, and any bytes make a `Plain`.
    Ok(unsafe { answer.assume_init() })
}

/// NtQueryVolumeInformationFile for a structure of fixed size.
pub fn query_volume<T: Plain>(fd: Fd, class: nt::FS_INFORMATION_CLASS) -> Result<T> {
    let (mut answer, mut io) = (MaybeUninit::<T>::zeroed(), IO_STATUS_BLOCK::default());
    // SAFETY: the system writes at most the structure's size.
    check_status(unsafe {
        nt::NtQueryVolumeInformationFile(
            fd,
            &raw mut io,
            answer.as_mut_ptr().cast::<c_void>(),
            size_as_u32::<T>(),
            class,
        )
    })?;
    // SAFETY: zeroed before, and any bytes make a `Plain`.
    Ok(unsafe { answer.assume_init() })
}

/// NtSetInformationFile for a structure of fixed size.
pub fn set<T: Plain>(fd: Fd, class: nt::FILE_INFORMATION_CLASS, value: &T) -> Result<()> {
    let mut io = IO_STATUS_BLOCK::default();
    // SAFETY: the system reads the structure and no more.
    check_status(unsafe {
        nt::NtSetInformationFile(
            fd,
            &raw mut io,
            ptr::from_ref(value).cast::<c_void>(),
            size_as_u32::<T>(),
            class,
        )
    })
}

/// Room for records of directory entries. What a listing keeps of them is less than twice as long: three bytes for each
/// unit of two, and less around a name.
const ROOM: usize = 16 << 10;

/// Records of directory entries, aligned as they are.
#[repr(align(8))]
pub struct Records([u8; ROOM]);

impl Default for Records {
    fn default() -> Self {
        Self([0; ROOM])
    }
}

/// NtQueryDirectoryFile for FILE_FULL_DIR_INFORMATION, which every file system has: the next records. Empty: there are no more.
pub fn query_directory(fd: Fd, records: &mut Records) -> Result<&[u8]> {
    let mut io = IO_STATUS_BLOCK::default();
    let into = records.0.as_mut_ptr().cast::<c_void>();
    // SAFETY: the system writes at most `ROOM` bytes; the handle waits for each request; no name: all of them.
    let status = unsafe {
        nt::NtQueryDirectoryFile(
            fd,
            ptr::null_mut(),
            None,
            ptr::null(),
            &raw mut io,
            into,
            size_as_u32::<Records>(),
            nt::FileFullDirectoryInformation,
            false,
            ptr::null(),
            false,
        )
    };
    if matches!(status, win32::STATUS_NO_MORE_FILES | win32::STATUS_NO_SUCH_FILE) {
        return Ok(&[]); // the second: a root directory, which has no "." either
    }
    check_status(status)?;
    Ok(records.0.get(..io.Information).unwrap_or_default())
}

/// FILE_RENAME_INFORMATION, which is FILE_LINK_INFORMATION too: gives a file a name.
pub fn set_name(
    fd: Fd,
    class: nt::FILE_INFORMATION_CLASS,
    choice: nt::FILE_RENAME_INFORMATION_0,
    to: &Name,
) -> Result<()> {
    const NAME_AT: usize = core::mem::offset_of!(nt::FILE_RENAME_INFORMATION, FileName);
    let too_long = Errno(errno::ENAMETOOLONG);
    let name_bytes = to.units.len().checked_mul(2).ok_or(too_long)?;
    let bytes = NAME_AT.saturating_add(name_bytes).max(size_of::<nt::FILE_RENAME_INFORMATION>());
    // In words of 8 bytes, so that it is aligned as the structure is.
    let mut buffer: Vec<u64> = Vec::new();
    let words = bytes.div_ceil(8);
    buffer.try_reserve_exact(words).map_err(|_| Errno(errno::ENOMEM))?;
    buffer.resize(words, 0);
    let head = nt::FILE_RENAME_INFORMATION {
        Anonymous: choice,
        RootDirectory: to.root,
        FileNameLength: u32::try_from(name_bytes).map_err(|_| too_long)?,
        FileName: [0],
    };
    let length = u32::try_from(bytes).map_err(|_| too_long)?;
    let mut io = IO_STATUS_BLOCK::default();
    let start = buffer.as_mut_ptr().cast::<u8>();
    // SAFETY: the buffer has room for the structure, and from NAME_AT on for the name, and is aligned for both.
    check_status(unsafe {
        start.cast::<nt::FILE_RENAME_INFORMATION>().write(head);
        ptr::copy_nonoverlapping(to.units.as_ptr(), start.add(NAME_AT).cast::<u16>(), to.units.len());
        nt::NtSetInformationFile(fd, &raw mut io, start.cast::<c_void>(), length, class)
    })
}

/// Whether requests on this handle return before they are done (FILE_FLAG_OVERLAPPED).
fn is_overlapped(fd: Fd) -> Result<bool> {
    let mode: u32 = query(fd, nt::FileModeInformation)?;
    Ok(mode & (nt::FILE_SYNCHRONOUS_IO_ALERT | nt::FILE_SYNCHRONOUS_IO_NONALERT) == 0)
}

/// Makes a request on an overlapped handle and waits for its end. The event's lowest bit keeps the end
/// from a completion port that the caller may have tied to the handle (GetQueuedCompletionStatus).
fn wait_for(
    fd: Fd,
    mut overlapped: OVERLAPPED,
    request: impl FnOnce(*mut OVERLAPPED) -> windows_sys::core::BOOL,
) -> Result<u32> {
    // SAFETY: no name, no attributes: an event that nobody else knows.
    let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
    if event.is_null() {
        return Err(last_error());
    }
    overlapped.hEvent = event.map_addr(|address| address | 1);
    let started = check(request(&raw mut overlapped));
    let outcome = match started {
        Err(errno) if errno != errno_of(win32::ERROR_IO_PENDING) => Err(errno),
        _ => {
            let mut moved = 0;
            // SAFETY: `overlapped` belongs to the request just made, and stays until it is over.
            check(unsafe { GetOverlappedResult(fd, &raw const overlapped, &raw mut moved, 1) })
                .map(|()| moved)
        }
    };
    close(event).and(outcome)
}

/// Makes a request at an offset. One on a handle that is not overlapped moves the handle's own position even so;
/// it is put back.
fn at_offset(
    fd: Fd,
    offset: u64,
    request: impl FnOnce(*mut OVERLAPPED, *mut u32) -> windows_sys::core::BOOL,
) -> Result<usize> {
    if i64::try_from(offset).is_err() {
        return Err(Errno(errno::EOVERFLOW)); // and -1 would mean "at the end"
    }
    let mut overlapped = OVERLAPPED::default();
    // The halves of the offset.
    #[allow(clippy::cast_possible_truncation)]
    {
        overlapped.Anonymous.Anonymous.Offset = offset as u32;
        overlapped.Anonymous.Anonymous.OffsetHigh = (offset >> 32) as u32;
    }
    let mut moved = 0_u32;
    let outcome = if is_overlapped(fd)? {
        wait_for(fd, overlapped, |overlapped| request(overlapped, ptr::null_mut()))
    } else {
        let position: i64 = query(fd, nt::FilePositionInformation)?;
        let outcome = check(request(&raw mut overlapped, &raw mut moved)).map(|()| moved);
        // It was its position a moment ago: the system has no reason to refuse.
        set(fd, nt::FilePositionInformation, &position)?;
        outcome
    };
    match outcome {
        Ok(moved) => Ok(moved as usize),
        Err(errno) if errno == errno_of(win32::ERROR_HANDLE_EOF) => Ok(0),
        Err(errno) => Err(errno),
    }
}

/// ReadFile at an offset; 0 is the end of the file.
pub fn read_at(fd: Fd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    at_offset(fd, offset, |overlapped, moved| {
        // SAFETY: the system writes at most `length` bytes, and `at_offset` waits for it.
        unsafe { files::ReadFile(fd, buffer.as_mut_ptr(), length, moved, overlapped) }
    })
}

/// WriteFile at an offset.
pub fn write_at(fd: Fd, buffer: &[u8], offset: u64) -> Result<usize> {
    let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    at_offset(fd, offset, |overlapped, moved| {
        // SAFETY: the system reads at most `length` bytes, and `at_offset` waits for it.
        unsafe { files::WriteFile(fd, buffer.as_ptr(), length, moved, overlapped) }
    })
}

/// DeviceIoControl with a request that returns nothing.
pub fn control<I: Plain>(fd: Fd, code: u32, input: &I) -> Result<()> {
    control_raw(fd, code, ptr::from_ref(input).cast::<c_void>(), size_as_u32::<I>(), ptr::null_mut(), 0)
        .map(drop)
}

/// DeviceIoControl with an answer of fixed size. `None`: the answer is empty.
pub fn control_for<I: Plain, O: Plain>(fd: Fd, code: u32, input: Option<&I>) -> Result<Option<O>> {
    let mut answer = MaybeUninit::<O>::zeroed();
    let (from, length) = match input {
        Some(input) => (ptr::from_ref(input).cast::<c_void>(), size_as_u32::<I>()),
        None => (ptr::null(), 0),
    };
    let into = answer.as_mut_ptr().cast::<c_void>();
    let moved = match control_raw(fd, code, from, length, into, size_as_u32::<O>()) {
        // There is more than fits; what is asked for is the first of it.
        Err(errno) if errno == errno_of(win32::ERROR_MORE_DATA) => size_as_u32::<O>(),
        outcome => outcome?,
    };
    // SAFETY: zeroed before, and any bytes make a `Plain`.
    let answer = unsafe { answer.assume_init() };
    Ok((moved >= size_as_u32::<O>()).then_some(answer))
}

/// DeviceIoControl with a request that is bytes, and returns nothing.
pub fn control_with(fd: Fd, code: u32, input: &[u8]) -> Result<()> {
    let length = u32::try_from(input.len()).map_err(|_| Errno(errno::EINVAL))?;
    control_raw(fd, code, input.as_ptr().cast::<c_void>(), length, ptr::null_mut(), 0).map(drop)
}

/// DeviceIoControl with an answer of bytes, and what it answered.
pub fn control_into(fd: Fd, code: u32, output: &mut [u8]) -> Result<&[u8]> {
    let length = u32::try_from(output.len()).unwrap_or(u32::MAX);
    let moved = control_raw(fd, code, ptr::null(), 0, output.as_mut_ptr().cast::<c_void>(), length)?;
    Ok(output.get(..moved as usize).unwrap_or_default())
}

/// DeviceIoControl with an answer of as many words as there is room for. Whether there is more.
pub fn control_for_words<I: Plain>(fd: Fd, code: u32, input: &I, answer: &mut [u64]) -> Result<bool> {
    let from = ptr::from_ref(input).cast::<c_void>();
    let room = u32::try_from(size_of_val(answer)).unwrap_or(u32::MAX);
    match control_raw(fd, code, from, size_as_u32::<I>(), answer.as_mut_ptr().cast::<c_void>(), room) {
        Err(errno) if errno == errno_of(win32::ERROR_MORE_DATA) => Ok(true),
        outcome => outcome.map(|_| false),
    }
}

fn control_raw(
    fd: Fd,
    code: u32,
    input: *const c_void,
    input_length: u32,
    output: *mut c_void,
    output_length: u32,
) -> Result<u32> {
    let mut moved = 0;
    let request = |overlapped, moved: *mut u32| {
        // SAFETY: the callers pass NULL or memory of these lengths that outlives the request, which is
        // waited for.
        unsafe { DeviceIoControl(fd, code, input, input_length, output, output_length, moved, overlapped) }
    };
    if is_overlapped(fd)? {
        return wait_for(fd, OVERLAPPED::default(), |overlapped| request(overlapped, ptr::null_mut()));
    }
    check(request(ptr::null_mut(), &raw mut moved)).map(|()| moved)
}

/// The size of a structure, as the calls take it.
#[allow(clippy::cast_possible_truncation)] // none of them comes near 4 GiB
pub const fn size_as_u32<T>() -> u32 {
    size_of::<T>() as u32
}
