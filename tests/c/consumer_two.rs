//! Another library in Rust, as a program may have besides libreflink.a. It panics, and catches it.

/// The number and one more; -1 where that panics.
#[unsafe(no_mangle)]
pub extern "C" fn other_catches_a_panic(number: i32) -> i32 {
    std::panic::catch_unwind(|| {
        let mut numbers = Vec::new();
        for at in 0..usize::try_from(number).unwrap() {
            numbers.push(at);
        }
        i32::try_from(numbers.len()).unwrap() + 1
    })
    .unwrap_or(-1)
}
