#!/bin/sh
# quickstart.sh: from a fresh clone to results in one command. Installs what is missing, builds, runs
# studies/quickstart.yaml (Single-Path NAS on Fashion-MNIST, tuned by random search and Bayesian optimisation), and draws
# its results. About two minutes after the install, on 2 cores.
set -eu
cd "$(dirname "$0")/.."

sh scripts/setup.sh build data plot
echo "Building (build/release)"
cmake --preset release -G Ninja -DBUILD_TESTING=OFF >/dev/null
cmake --build --preset release
echo
echo "Running studies/quickstart.yaml with $(nproc) trials at a time"
build/release/nastune run -j "$(nproc)" studies/quickstart.yaml
sh scripts/plot.sh results/quickstart
cat <<'END'

Next: change studies/quickstart.yaml, or
  build/release/nastune --help                  what nastune can do
  build/release/nastune solvers single-path     what can be tuned
  build/release/nastune check STUDY             a study with every default filled in
END
