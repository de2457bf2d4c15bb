#!/bin/sh
# Reads an XRK file with paddock and with both of libxrk's parsers, in turns, and compares the medians.
#
#   benches/xrk.sh [FILE] [TURNS]
#
# PYTHON names an interpreter that has tests/oracle/requirements.txt installed. Run it on a quiet machine.
set -eu
cd "$(dirname "$0")/.."
file=${1:-../shared/data/kart-adria.xrk}
turns=${2:-7}
python=${PYTHON:-python3}
bench=${XRK_BENCH:-}
if [ -z "$bench" ]; then
    bench=$(cargo bench --no-run --bench xrk --message-format=json-render-diagnostics |
        "$python" -c 'import json, sys; print([e for e in (json.loads(line).get("executable") for line in sys.stdin) if e][-1])')
fi
"$python" - "$file" "$turns" "$bench" "$python" <<'PYTHON'
import json, os, statistics, subprocess, sys

file, turns, bench, python = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
oracle = [python, "tests/oracle/xrk_oracle.py", "time", file, "9"]
commands = {
    "paddock": ([bench, file, "9"], ""),
    "libxrk (Cython)": (oracle, ""),
    "libxrk (Rust)": (oracle, "rust"),
}
runs = {name: [] for name in commands}
for _ in range(turns):
    for name, (command, backend) in commands.items():
        environment = {**os.environ, "LIBXRK_BACKEND": backend}
        # libxrk's Rust parser tells the world what it does not know.
        output = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        # The first rounds fill the caches.
        runs[name] += json.loads(output.splitlines()[-1])[2:]
ours = statistics.median(runs["paddock"])
print(f"{'':18}{'median ms':>11}{'least ms':>10}{'times ours':>12}")
for name, times in runs.items():
    middle = statistics.median(times)
    print(f"{name:18}{middle:11.2f}{min(times):10.2f}{middle / ours:12.2f}")
PYTHON
