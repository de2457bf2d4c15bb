#!/bin/sh
# Runs models of 100 trees on 100,000 rows of 20 columns, sealed by paddock and with Python's onnxruntime, in turns, and
# compares the medians: reading the features, predicting and writing included on our side, predicting alone on the other.
#
#   RUNTIMES=DIR benches/onnx.sh [ROUNDS]
#
# RUNTIMES is a folder in which `paddock runtime build --into` built the environment, PYTHON an interpreter that has the
# packages of tests/runtimes/requirements.txt. Run it on a quiet machine.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-7}
python=${PYTHON:-python3}
[ -n "${PADDOCK:-}" ] || cargo build --release --quiet
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
"$python" benches/onnx_reference.py generate "$data" 2>/dev/null
export PADDOCK_RUNTIMES_DIR="${RUNTIMES:?names no folder of a built environment}" PADDOCK_DATA_DIR="$data"
"$python" - "$rounds" "$data" "${PADDOCK:-${CARGO_TARGET_DIR:-target}/release/paddock}" "$python" <<'PYTHON'
import csv, json, statistics, subprocess, sys, time

rounds, data, paddock, python = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
names = ["lightgbm", "xgboost", "forest"]

def ours(name):
    command = [paddock, "sandbox", "run", "--kind", "onnx", "--json", "--features", f"{data}/features.csv",
               "--output", f"{data}/{name}.csv", f"{data}/{name}.onnx"]
    started = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if ended.returncode != 0 or json.loads(ended.stdout)["verdict"] != "OK":
        raise SystemExit(f"{name}: {ended.stdout}{ended.stderr}")
    return seconds, json.loads(ended.stdout)

def reference(name):
    command = [python, "benches/onnx_reference.py", "run", data, name]
    started = time.perf_counter()
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return time.perf_counter() - started, told

runs = {name: [] for name in names}
for turn in range(rounds + 1):
    for name in names:
        sealed, told = ours(name)
        whole, timed = reference(name)
        if turn > 0:  # the first fills the disk cache
            runs[name].append((sealed, told["peak_memory_bytes"] / 2**20, timed["own"], timed["after_imports"], whole))

titles = ["sealed, all", "MiB", "onnxruntime's own", "after imports", "Python, all", "sealed / own"]
print(f"{'seconds':12}" + "".join(f"{title:>19}" for title in titles))
for name, results in runs.items():
    medians = [statistics.median(column) for column in zip(*results)]
    cells = [f"{value:.3f}" for value in medians] + [f"{medians[0] / medians[2]:.2f}"]
    print(f"{name:12}" + "".join(f"{cell:>19}" for cell in cells))
for name in names:
    read = lambda path: list(csv.DictReader(open(path)))
    pairs = list(zip(read(f"{data}/{name}.csv"), read(f"{data}/{name}.expected.csv"), strict=True))
    largest = max(abs(float(one["prediction"]) - float(other["prediction"])) for one, other in pairs)
    if any(one["id"] != other["id"] for one, other in pairs) or largest > 1e-6:
        raise SystemExit(f"{name}: the predictions differ by up to {largest}")
    print(f"{name}: the predictions differ by {largest}")
PYTHON
