#!/bin/sh
# Loads a server with a board of 10,000 teams, and the same board served by Flask, and compares.
#
#   benches/load.sh [ROUNDS]
#
# PYTHON names an interpreter that has flask and gunicorn; wrk must be installed. Run it on a quiet machine.
set -eu
cd "$(dirname "$0")/.."
command -v wrk >/dev/null || { echo "wrk is not installed" >&2; exit 1; }
cargo build --release --quiet
exec "${PYTHON:-python3}" benches/load.py "${CARGO_TARGET_DIR:-target}/release/paddock" "${1:-3}"
