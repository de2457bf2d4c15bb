#!/bin/sh
# Scores a million predictions with paddock and with pandas and scikit-learn, in turns, and compares the medians.
#
#   benches/scoring.sh [ROUNDS]
#
# PYTHON names an interpreter that has numpy, pandas, pyarrow and scikit-learn. Run it on a quiet machine.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-7}
python=${PYTHON:-python3}
cargo build --release --quiet
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
"$python" benches/scoring_reference.py generate "$data"
"$python" - "$rounds" "$data" "${CARGO_TARGET_DIR:-target}/release/paddock" "$python" <<'PYTHON'
import json, os, statistics, subprocess, sys, time

rounds, data, paddock, python = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
ours = [paddock, "challenge", "score", "--solution", f"{data}/solution.csv", "--metric", "rmse", "--metric", "roc_auc", "--json"]
commands = {
    "paddock, CSV": ours + [f"{data}/predictions.csv"],
    "paddock, Parquet": ours + [f"{data}/predictions.parquet"],
    "pandas + scikit-learn": [python, "benches/scoring_reference.py", "score", data],
}

def run(command):
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, json.loads(output)

runs = {name: [] for name in commands}
for turn in range(rounds + 1):
    for name, command in commands.items():
        result = run(command)
        if turn > 0:  # the first fills the disk cache
            runs[name].append(result)

reference = runs["pandas + scikit-learn"]
wall = statistics.median(seconds for seconds, _, _ in reference)
memory = statistics.median(mib for _, mib, _ in reference)
imported = statistics.median(output["seconds_after_imports"] for _, _, output in reference)
print(f"{'':24}{'seconds':>9}{'MiB':>8}{'times faster':>14}{'than imported':>15}{'of the memory':>15}")
for name, results in runs.items():
    seconds = statistics.median(seconds for seconds, _, _ in results)
    mib = statistics.median(mib for _, mib, _ in results)
    print(f"{name:24}{seconds:9.3f}{mib:8.1f}{wall / seconds:14.1f}{imported / seconds:15.1f}{mib / memory:15.2f}")
print(f"{'pandas, imported':24}{imported:9.3f}")
truth = reference[0][2]
for name, results in runs.items():
    for metric in ("rmse", "roc_auc"):
        score = results[0][2][metric]
        score = score["score"] if isinstance(score, dict) else score
        if abs(score - truth[metric]) > 1e-12:
            raise SystemExit(f"{name}: {metric} is {score}, the reference says {truth[metric]}")
print("all scores agree to 1e-12:", {metric: truth[metric] for metric in ("rmse", "roc_auc")})
PYTHON
