#!/bin/sh
# setup.sh [build|data|plot|test ...]: installs the Debian packages that are missing, as root or through sudo, and says
# which and why. Without arguments: build, data and plot.
set -eu

wanted() {
    case $1 in
    build) cat <<'LIST'
gcc             the compiler
libc6-dev       its C library
cmake           the build
ninja-build     the build
pkg-config      finds the libraries
libgsl-dev      GSL: Cholesky, special functions, Sobol sequences (the outer methods)
libnlopt-dev    NLopt: fits Gaussian processes, maximises acquisition functions
libopenblas-dev OpenBLAS: matrix products (methods and training engine)
libcsv-dev      libcsv: reads and writes CSV
libfyaml-dev    libfyaml: study files, with line and column of every fault
zlib1g-dev      zlib: reads compressed data sets and tables
LIST
        ;;
    data) echo "dataset-fashion-mnist Fashion-MNIST, the images of the quick study" ;;
    plot) cat <<'LIST'
gnuplot-nox     draws the pictures
LIST
        ;;
    test) cat <<'LIST'
libcmocka-dev   the tests
LIST
        ;;
    *) echo "setup.sh: no group '$1' (build, data, plot, test)" >&2; exit 64 ;;
    esac
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

[ $# -gt 0 ] || set -- build data plot
missing=
for group in "$@"; do
    list=$(wanted "$group")
    while read -r package why; do
        installed "$package" && continue
        [ "$package" = gnuplot-nox ] && command -v gnuplot >/dev/null && continue
        printf '%-22s %s\n' "$package" "$why"
        missing="$missing $package"
    done <<LIST
$list
LIST
done
[ -n "$missing" ] || exit 0

echo "The Debian packages above are missing and will be installed."
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "setup.sh: neither root nor sudo; install them with: apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi
$as_root apt-get update -q
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
