// The Zig that translate-c writes, against the library. usage: PROGRAM SRC DST; each step that fails has a status.
// The layout is compared at compile time with layout.zig, which run.sh writes from what the C compiler says.
const c = @import("reflink.zig");
const layout = @import("layout.zig");

comptime {
    if (c.REFLINK_NOFOLLOW != 1 << 32 or c.REFLINK_TO_EOF != (1 << 63) - 1) @compileError("numbers");
    if (@sizeOf(c.struct_reflink_progress) != layout.reflink_progress) @compileError("reflink_progress");
    if (@sizeOf(c.struct_reflink_options) != layout.reflink_options) @compileError("reflink_options");
    if (@sizeOf(c.struct_reflink_result) != layout.reflink_result) @compileError("reflink_result");
    if (@sizeOf(c.struct_reflink_capability) != layout.reflink_capability) @compileError("reflink_capability");
    if (@offsetOf(c.struct_reflink_options, "progress") != layout.@"reflink_options.progress") @compileError("progress");
    if (@offsetOf(c.struct_reflink_result, "bytes_hole") != layout.@"reflink_result.bytes_hole") @compileError("bytes_hole");
    if (@offsetOf(c.struct_reflink_capability, "fs_name") != layout.@"reflink_capability.fs_name") @compileError("fs_name");
}

fn count(user: ?*anyopaque, now: [*c]const c.struct_reflink_progress) callconv(.c) c_int {
    const done: *u64 = @ptrCast(@alignCast(user.?));
    done.* = now[0].bytes_done;
    return 0;
}

fn starts(text: [*c]const u8, with: []const u8) bool {
    for (with, 0..) |letter, index| {
        if (text[index] != letter) return false;
    }
    return text[with.len] == 0;
}

export fn main(argc: c_int, argv: [*c][*c]u8) c_int {
    if (argc != 3) return 1;
    var done: u64 = 0;
    var options: c.struct_reflink_options = .{ .size = @sizeOf(c.struct_reflink_options) };
    options.if_exists = c.REFLINK_REPLACE;
    options.progress = count;
    options.user = &done;
    var result: c.struct_reflink_result = .{ .size = @sizeOf(c.struct_reflink_result) };
    if (c.reflink_copy_file(argv[1], argv[2], &options, &result) != 0) return 2;
    if (result.bytes_cloned + result.bytes_copied + result.bytes_hole != done or done == 0) return 3;
    options.if_exists = c.REFLINK_FAIL;
    const code = c.reflink_copy_file(argv[1], argv[2], &options, &result);
    if (!starts(c.reflink_err_name(code), "EEXIST")) return 4;
    if (!starts(c.reflink_err_name(c.REFLINK_ERR_PANIC), "REFLINK_ERR_PANIC")) return 5;
    if (c.reflink_version_number() >> 16 != c.REFLINK_VERSION_MAJOR) return 6;
    return 0;
}
