# What cffi writes from include/libreflink.h when the wheel is built (see hatch_build.py).

from typing import Any

ffi: Any  # its structures are known at run time only
