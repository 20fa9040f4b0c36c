//! FIDEDUPERANGE, called as a deduplicating tool calls it: what programs do to a user's files behind this library's back.
//! (The library's own use of it is not used here.)

/// `struct file_dedupe_range` with one destination (linux/fs.h).
#[repr(C)]
struct DedupeRange {
    src_offset: u64,
    src_length: u64,
    dest_count: u16,
    reserved: [u16; 3],
    dest_fd: i64,
    dest_offset: u64,
    bytes_deduped: u64,
    status: i32,
    reserved2: u32,
}

/// FIDEDUPERANGE, as a deduplicating tool calls it: its status, 0 where the ranges were equal and are shared now.
pub fn ranges(src: (i32, u64), dst: (i32, u64), length: u64) -> Option<i32> {
    let mut request = DedupeRange {
        src_offset: src.1,
        src_length: length,
        dest_count: 1,
        reserved: [0; 3],
        dest_fd: i64::from(dst.0),
        dest_offset: dst.1,
        bytes_deduped: 0,
        status: 0,
        reserved2: 0,
    };
    // _IOWR(0x94, 54, struct file_dedupe_range), whose destinations do not count
    let number = libc::_IOWR::<[u64; 3]>(0x94, 54);
    (unsafe { libc::ioctl(src.0, number, &raw mut request) } == 0).then_some(request.status)
}
