# What cffi writes from include/reflink.h when the wheel is built (see hatch_build.py).

from cffi import FFI

ffi: FFI
