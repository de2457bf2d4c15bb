"""Descriptors without reading rights, file handles and new ways to open."""

import os

from attempts import CANARIES, attempt, ctypes, finish, syscall

root = os.open("/", os.O_PATH)
attempt("list the root", os.listdir, "/")
for folder in ("home", "root", "srv", "work", "boot", "mnt", "opt", "var", "run", "media"):
    attempt(f"stat /{folder}", os.stat, f"/{folder}")
attempt("upwards from the root", os.stat, "../../../" + CANARIES["labels"].lstrip("/"), dir_fd=root)
attempt("through /proc/self/fd", os.stat, f"/proc/self/fd/{root}/..{CANARIES['labels']}")
handle = (ctypes.c_uint32 * 40)(128, 0)
mount = ctypes.c_int()
attempt("name_to_handle_at", syscall, "name_to_handle_at", -100, ctypes.c_char_p(b"/data"), handle, ctypes.byref(mount), 0)
how = (ctypes.c_uint64 * 3)(os.O_RDONLY, 0, 0)
attempt("openat2", syscall, "openat2", -100, ctypes.c_char_p(CANARIES["labels"].encode()), how, 24)
finish()
