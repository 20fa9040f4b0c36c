#!/bin/sh
# Builds the wheel into dist/ beside this script (or the folder given, by an absolute name): with the library linked
# against an old glibc by zig, where PyPI can be reached, so that one wheel runs on every distribution since 2014; else
# with the glibc of this machine.
# TARGET=aarch64-unknown-linux-gnu, or -musl of either processor: by zig alone; `rustup target add` it before.
set -eu

cd "$(dirname "$0")"
out=${1:-dist}
python=${PYTHON:-python3}
: "${CARGO_TARGET_DIR:=$(cd ../.. && pwd)/target}"
export CARGO_TARGET_DIR
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
trap 'exit 1' HUP INT TERM

"$python" -m venv "$tools/venv"
bin=$tools/venv/bin
"$bin/pip" install -q --disable-pip-version-check build
if [ -z "${LIBREFLINK_BUILT:-}" ] && [ -z "${NO_ZIG:-}" ] &&
    "$bin/pip" install -q --disable-pip-version-check ziglang cargo-zigbuild; then
    target=${TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
    case $target in
    *-gnu) glibc=.2.17 ;;
    # Else musl's target makes no shared library.
    *-musl) glibc='' RUSTFLAGS="${RUSTFLAGS:-} -Ctarget-feature=-crt-static" && export RUSTFLAGS ;;
    esac
    (cd ../.. && PATH="$bin:$PATH" CARGO_ZIGBUILD_ZIG_PATH="$bin/python-zig" \
        "$bin/cargo-zigbuild" zigbuild --release --locked --target "$target$glibc")
    LIBREFLINK_BUILT=$CARGO_TARGET_DIR/$target/release/libreflink.so
    export LIBREFLINK_BUILT
elif [ -n "${TARGET:-}" ]; then
    echo "build-wheel.sh: for $TARGET zig is needed (PyPI)" >&2
    exit 1
fi
"$bin/python" -m build --wheel --outdir "$out"
