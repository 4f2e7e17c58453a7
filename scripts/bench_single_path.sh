#!/bin/sh
# What a step of a Single-Path search costs in time and memory, against training the largest fixed
# network of the same space. Prints CSV. Usage: scripts/bench_single_path.sh [SPACE...]
set -eu
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
cmake --build --preset release --target bench_single_path >/dev/null
for space in "${@:-fashion}"; do
    build/release/tests/bench_single_path "$space"
done
