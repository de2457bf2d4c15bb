"""splice, vmsplice and tee: pages moved between pipes and files, onto a file that is read-only."""

import os

from attempts import FEATURES, attempt, ctypes, finish, note, syscall

read_end, write_end = os.pipe()
features = os.open(FEATURES, os.O_RDONLY)
before = os.pread(features, 4096, 0)
offset = ctypes.c_long(0)
attempt("splice from the features", lambda: syscall("splice", features, ctypes.byref(offset), write_end, 0, 1, 0))
# A page of the page cache now hangs in the pipe: writing on must not merge into it.
attempt("write to the pipe", os.write, write_end, b"changed")
room = ctypes.create_string_buffer(4096)
vector = (ctypes.c_uint64 * 2)(ctypes.addressof(room), 4096)
attempt("vmsplice a gift", lambda: syscall("vmsplice", write_end, vector, 1, 8))
attempt("splice into the features", lambda: syscall("splice", read_end, 0, features, ctypes.byref(offset), 1, 0))
attempt("copy_file_range into the features", lambda: os.copy_file_range(os.open(__file__, os.O_RDONLY), features, 8))
note("features unchanged", os.pread(features, 4096, 0) == before)
finish()
