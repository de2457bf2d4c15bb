#!/bin/sh
# Starts Python bare, in the sandbox without and with a cgroup, and in bubblewrap if it is installed, in turns, and
# compares the medians.
#
#   benches/sandbox.sh [ROUNDS]
#
# With the built Python environment (PADDOCK_RUNTIMES_DIR, as `paddock runtime build` makes it) it also scores a pandas
# model cold and pre-forked. Run it as root for the sandbox with a cgroup, and on a quiet machine.
set -eu
cd "$(dirname "$0")/.."
exec cargo bench --quiet --bench sandbox -- "${1:-50}"
