"""What libxrk reads in an XRK file, for tests/xrk_oracle.rs and benches/xrk.sh.

    xrk_oracle.py read FILE           its channels, laps and metadata as JSON
    xrk_oracle.py make FILE           writes a small file with the kinds of records that the sample lacks
    xrk_oracle.py time FILE ROUNDS    milliseconds of each reading, as JSON
"""

import contextlib
import io
import json
import math
import struct
import sys
import time

from libxrk import aim_xrk


def quiet(path):
    # It reports what it does not know on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        return aim_xrk(path)


def read(path):
    log = quiet(path)
    channels = []
    for name, table in log.channels.items():
        field = table.schema.field(name)
        values = table.column(name).to_pylist()
        channels.append({
            "name": name,
            "units": field.metadata[b"units"].decode(),
            "type": str(field.type),
            "times_ms": table.column("timecodes").to_pylist(),
            "values": [value if math.isfinite(value) else None for value in values],
        })
    return {"channels": channels, "laps": log.laps.to_pylist(), "metadata": log.metadata}


def message(tag, body):
    frame = struct.pack("<2s4sIBc", b"<h", tag, len(body), 1, b">")
    return frame + body + struct.pack("<c4sHc", b"<", tag, sum(body) & 0xFFFF, b">")


def channel(index, name, unit, encoding, size, period_ms=0):
    body = bytearray(112)
    struct.pack_into("<H", body, 0, index)
    body[12], body[20], body[72] = unit, encoding, size
    body[24:32] = name.encode()[:8].ljust(8, b"\0")
    body[32:56] = name.encode().ljust(24, b"\0")
    struct.pack_into("<I", body, 64, period_ms * 1000)
    return message(b"CHS\0", bytes(body))


def make(path):
    group = struct.pack("<5H", 1, 3, 0, 1, 2)
    configuration = b"".join([
        channel(0, "Wheel Speed", 16, 6, 4),
        channel(1, "Gear", 31, 15, 2),
        channel(2, "Status", 11, 13, 1),
        channel(3, "Shock", 12, 4, 2, period_ms=5),
        channel(4, "Brake", 14, 20, 2),
        channel(5, "Supply", 21 | 0x80, 1, 2),
        channel(6, "Lap Clock", 18, 31, 4),
        channel(7, "Calculated_Gear", 31, 99, 8),
        message(b"GRP\0", group),
    ])
    out = [message(b"CNF\0", configuration), message(b"RCR\0", b"Ada\0"), message(b"TMD\0", b"31/05/2026\0")]
    # libxrk reads no file without positions and a start line.
    track = b"Adria".ljust(36, b"\0") + struct.pack("<2i", 450_460_000, 121_497_000)
    out.append(message(b"TRK\0", track.ljust(96, b"\0")))
    for step in range(20):
        fix = (510 + 200 * step, 558_551_000 + 200 * step, 0, 1880, 3, 221)
        position = (441_295_889 + 90 * step, 95_000_606 - 30 * step, 449_093_959 + 10 * step * step, 340)
        velocity = (450, -150 + step, 100 * step, 61, 140, 0, 9, 0)
        out.append(message(b"GPS\0", struct.pack("<iIiH2B3iI3iIH2BI", *fix, *position, *velocity)))
    for step in range(200):
        now = 500 + 20 * step
        gear = b"N123456"[step % 7]
        out.append(struct.pack("<2siHfHBc", b"(G", now, 1, step * 1.25, gear, step % 256, b")"))
        # Every third record begins before the end of the last.
        shocks = [step - 100, -step, 7, 9]
        out.append(struct.pack("<2siHH4hc", b"(M", now - 5 * (step % 3), 3, 4, *shocks, b")"))
        out.append(struct.pack("<2sBHBBieB", b"(c", 0, 4 << 3 | 4, 0x84, 6, now, step / 16, ord(")")))
        out.append(struct.pack("<2siHHc", b"(S", now, 5, 12000 + step, b")"))
        out.append(struct.pack("<2siHic", b"(S", now, 6, -step, b")"))
        out.append(struct.pack("<2siHQc", b"(S", now, 7, (step % 8) << 16 | (step % 2) << 19, b")"))
    with open(path, "wb") as file:
        file.write(b"".join(out))


def measure(path, rounds):
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        quiet(path)
        times.append((time.perf_counter() - started) * 1e3)
    return times


command, path = sys.argv[1:3]
if command == "read":
    json.dump(read(path), sys.stdout)
elif command == "make":
    make(path)
elif command == "time":
    json.dump(measure(path, int(sys.argv[3])), sys.stdout)
else:
    sys.exit(__doc__)
