#!/bin/sh
# test.sh [release|check|sanitize]: installs what is missing, builds with -Werror and runs all tests.
# `sanitize` builds with AddressSanitizer and UndefinedBehaviorSanitizer.
set -eu
cd "$(dirname "$0")/.."
preset=${1:-check}

sh scripts/setup.sh build data plot test
cmake --preset "$preset" -G Ninja >/dev/null
cmake --build --preset "$preset"
ctest --preset "$preset"
