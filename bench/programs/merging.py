"""gunicorn's configuration for the kernel's samepage merging, without any library: the parent and what
it forks ask for it (Linux 6.4; Documentation/admin-guide/mm/ksm.rst)."""

import ctypes
import os

PR_SET_MEMORY_MERGE = 67

libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) != 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
