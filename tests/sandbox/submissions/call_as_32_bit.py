"""The 32-bit system call table by `int 0x80`, from machine code in memory of its own."""

import ctypes
import mmap

from attempts import predict

predict()
# mov eax, 20 (getpid of the 32-bit table); int 0x80; ret
code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"
try:
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except OSError as error:
    print("REFUSED", error.errno, flush=True)
    raise SystemExit(3)
memory.write(code)
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
print("ANSWER", call(), flush=True)
