//! Reading something whose length must be asked for first: a list of extended attributes, or the value of one.
//! It may grow between the two calls, so both are made again.

use super::api::{Errno, Result};
use super::errno::{ENOMEM, ERANGE};

/// How often something that grows while it is read is read again: a bound, so that no loop is endless.
const TRIES: u32 = 8;

/// Reads all of it. `read` gives the length for an empty buffer, and ERANGE where the buffer is too small.
pub fn read_whole(read: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    for _ in 0..TRIES {
        let length = read(&mut [])?;
        let mut whole = Vec::new();
        whole.try_reserve_exact(length).map_err(|_| Errno(ENOMEM))?;
        whole.resize(length, 0);
        if length == 0 {
            return Ok(whole);
        }
        match read(&mut whole) {
            Ok(got) => {
                whole.truncate(got);
                return Ok(whole);
            }
            Err(errno) if errno.is(ERANGE) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno(ERANGE))
}
