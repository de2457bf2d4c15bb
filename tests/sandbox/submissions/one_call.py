"""One system call that no model ever needs, given by the test."""

from attempts import CANARIES, ctypes, libc, predict

predict()
buffer = ctypes.create_string_buffer(4096)
arguments = [ctypes.c_char_p(value.encode()) if isinstance(value, str) else ctypes.byref(buffer) if value is None else ctypes.c_long(value) for value in CANARIES["arguments"]]
ctypes.set_errno(0)
result = libc.syscall(ctypes.c_long(CANARIES["number"]), *arguments)
print("SURVIVED", result, ctypes.get_errno(), flush=True)
