"""The Python that SWIG writes from creflink.i, against the library. usage: check_swig.py LAYOUT SRC DST"""

import pathlib
import sys

import creflink as c

layout, src, dst = sys.argv[1:]
expected = dict(line.split() for line in pathlib.Path(layout).read_text().splitlines())
options, result, capability = c.reflink_options(), c.reflink_result(), c.reflink_capability()
for name, made in (("options", options), ("result", result), ("capability", capability)):
    assert made.size == int(expected["reflink_" + name]), name

assert (c.REFLINK_NOFOLLOW, c.REFLINK_TO_EOF) == (1 << 32, (1 << 63) - 1)
options.flags = c.REFLINK_NOFOLLOW
options.if_exists = c.REFLINK_REPLACE
assert c.reflink_copy_file(src, dst, options, result) == 0
assert result.bytes_cloned + result.bytes_copied + result.bytes_hole == pathlib.Path(src).stat().st_size > 0
options.if_exists = c.REFLINK_FAIL
assert c.reflink_err_name(c.reflink_copy_file(src, dst, options, result)) == "EEXIST"
assert c.reflink_err_name(c.REFLINK_ERR_PANIC) == "REFLINK_ERR_PANIC"
assert c.reflink_probe(None, str(pathlib.Path(dst).parent), capability) == 0
assert capability.fs_name != ""
assert c.reflink_version_number() >> 16 == c.REFLINK_VERSION_MAJOR
