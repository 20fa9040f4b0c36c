"""cffi's parser over the header, against the library. usage: check_cffi.py HEADER LIBRARY LAYOUT SRC DST"""

import importlib.util
import pathlib
import sys

from cffi import FFI

header, library, layout, src, dst = sys.argv[1:]
hook = pathlib.Path(__file__).resolve().parent.parent / "python" / "hatch_build.py"
spec = importlib.util.spec_from_file_location("hatch_build", hook)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

ffi = FFI()
ffi.cdef(module.declarations(pathlib.Path(header)))
lib = ffi.dlopen(library)
for line in pathlib.Path(layout).read_text().splitlines():
    name, number = line.split()
    kind, _, member = name.partition(".")
    found = ffi.offsetof("struct " + kind, member) if member else ffi.sizeof("struct " + kind)
    assert found == int(number), line

assert (lib.REFLINK_NOFOLLOW, lib.REFLINK_TO_EOF) == (1 << 32, (1 << 63) - 1)
seen = []


@ffi.callback("int(void *, const struct reflink_progress *)")
def count(_user, now):
    seen.append(now.bytes_done)
    return 0


options = ffi.new("struct reflink_options *", {"size": ffi.sizeof("struct reflink_options"), "progress": count})
options.if_exists = lib.REFLINK_REPLACE
result = ffi.new("struct reflink_result *", {"size": ffi.sizeof("struct reflink_result")})
assert lib.reflink_copy_file(src.encode(), dst.encode(), options, result) == 0
assert result.bytes_cloned + result.bytes_copied + result.bytes_hole == seen[-1] > 0
options.if_exists = lib.REFLINK_FAIL
code = lib.reflink_copy_file(src.encode(), dst.encode(), options, result)
assert ffi.string(lib.reflink_err_name(code)) == b"EEXIST"
assert ffi.string(lib.reflink_err_name(lib.REFLINK_ERR_PANIC)) == b"REFLINK_ERR_PANIC"
assert lib.reflink_version_number() >> 16 == lib.REFLINK_VERSION_MAJOR
