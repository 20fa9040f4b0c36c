"""The Python that ctypesgen writes, against the library. usage: check_ctypesgen.py LAYOUT SRC DST"""

import ctypes
import pathlib
import sys

import creflink as c

layout, src, dst = sys.argv[1:]
for line in pathlib.Path(layout).read_text().splitlines():
    name, number = line.split()
    kind, _, member = name.partition(".")
    struct = getattr(c, "struct_" + kind)
    found = getattr(struct, member).offset if member else ctypes.sizeof(struct)
    assert found == int(number), line

assert (c.REFLINK_NOFOLLOW, c.REFLINK_TO_EOF) == (1 << 32, (1 << 63) - 1)
options, result = c.struct_reflink_options(), c.struct_reflink_result()
options.size, result.size = ctypes.sizeof(options), ctypes.sizeof(result)
options.if_exists = c.REFLINK_REPLACE
assert c.reflink_copy_file(src.encode(), dst.encode(), options, result) == 0
assert result.bytes_cloned + result.bytes_copied + result.bytes_hole == pathlib.Path(src).stat().st_size > 0
options.if_exists, options.flags = c.REFLINK_FAIL, c.REFLINK_NOFOLLOW
code = c.reflink_copy_file(src.encode(), dst.encode(), options, result)
assert bytes(c.reflink_err_name(code)) == b"EEXIST"
assert bytes(c.reflink_err_name(c.REFLINK_ERR_PANIC)) == b"REFLINK_ERR_PANIC"
