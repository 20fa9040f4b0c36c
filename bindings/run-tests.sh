#!/bin/sh
# Tests all bindings against the library just built: the Python wheel in fresh environments, the Go package with the race
# detector, the crates for Rust, and the binding makers. usage: run-tests.sh [python] [go] [rust] [makers]   (`make test-bindings`; some minutes)
# What is not here is installed (Debian and Ubuntu, as root; PyPI; crates.io) or SKIPPED by name. KEEP=1 keeps the work.
# Settable: CARGO_TARGET_DIR, PYTHONS (the interpreters), BINDGEN.
# shellcheck disable=SC2317 # most functions are called by name, through run
set -u

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
: "${CARGO_TARGET_DIR:=$root/target}"
export CARGO_TARGET_DIR
work=$(mktemp -d)
chmod 755 "$work" # one of CPython's tests runs as nobody
[ "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
results=$work/results
failed=0

# say OUTCOME WHAT
say() {
    echo "$1: $2" >>"$results"
    [ "$1" != FAILED ] || failed=1
}

# run WHAT COMMAND...
run() {
    what=$1
    shift
    echo "--- $what"
    if "$@"; then say ok "$what"; else say FAILED "$what"; fi
}

have() { command -v "$1" >/dev/null 2>&1; }

need() { # COMMAND PACKAGE
    have "$1" || packages="$packages $2"
}

install_packages() {
    packages=
    need cc gcc
    need pkg-config pkg-config
    need mkfs.xfs xfsprogs
    need mkfs.btrfs btrfs-progs
    need mkfs.ext4 e2fsprogs
    need go golang-go
    need swig swig
    need python3-config python3-dev
    need luajit luajit
    need php php-cli
    perl -MExtUtils::Embed -e ccopts >/dev/null 2>&1 || packages="$packages libperl-dev" # for SWIG
    ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 || packages="$packages libclang-dev" # for bindgen
    if [ -x /usr/bin/python3 ]; then
        version=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || packages="$packages python3-venv"
        /usr/bin/python3 -c 'import test.test_shutil' 2>/dev/null || packages="$packages libpython$version-testsuite"
    fi
    [ -n "$packages" ] || return 0
    if [ "$(id -u)" = 0 ] && have apt-get; then
        echo "installing:$packages"
        # shellcheck disable=SC2086 # one word each
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null 2>&1 || {
            apt-get update -qq
            # shellcheck disable=SC2086
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
        }
    else
        echo "not here (Debian's names):$packages"
    fi
}

# The interpreters: the system's, and every other of a version that is supported.
interpreters() {
    if [ -n "${PYTHONS:-}" ]; then
        echo "$PYTHONS" | tr ' ' '\n'
        return
    fi
    ls /usr/bin/python3 2>/dev/null
    for minor in 9 10 11 12 13 14; do
        for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python3 /usr/local/bin/python3.$minor; do
            if [ -x "$candidate" ]; then
                echo "$candidate"
                break
            fi
        done
    done
}

install_library() {
    prefix=$work/prefix
    make -C "$root" install "PREFIX=$prefix" >"$work/install.log" 2>&1 || {
        cat "$work/install.log" >&2
        return 1
    }
}

python_sources() {
    "$tools/ruff" check "$here" && "$tools/ruff" format --check "$here/python" &&
        (cd "$here/python" && "$tools/mypy" src hatch_build.py tests/typed_use.py)
}

# The tag is what auditwheel, which looks at each symbol, would give it.
wheel_tag() {
    "$tools/auditwheel" show "$wheel" >"$work/audit" || return 1
    tag=$(basename "$wheel" .whl | sed 's/.*-py3-none-//')
    grep -q "\"$tag\"" "$work/audit" || {
        cat "$work/audit"
        return 1
    }
}

# environment NAME PYTHON WHEEL: a fresh one, with this wheel and pytest.
environment() {
    "$2" -m venv "$work/$1" && "$work/$1/bin/pip" install -q --disable-pip-version-check "$3" pytest
}

pytest_in() { # NAME [ARGUMENT...]
    name=$1
    shift
    "$here/with-filesystems.sh" "$work/$name/bin/python" -m pytest -q -p no:cacheprovider "$@" "$here/python/tests"
}

# The same without a bundled library, as a distribution has it.
system_wheel() {
    (cd "$here/python" && LIBREFLINK_BUILT=system "$tools/python" -m build -q --wheel --outdir "$work/system") &&
        environment system-python python3 "$work/system"/*-py3-none-any.whl &&
        LD_LIBRARY_PATH=$prefix/lib "$work/system-python/bin/python" -c \
            'import libreflink; assert libreflink.library_path() == "libreflink.so.0"' &&
        LD_LIBRARY_PATH=$prefix/lib pytest_in system-python -k "not cpythons"
}

# A source distribution must hold all that a wheel is built from.
source_distribution() {
    (cd "$here/python" && "$tools/python" -m build -q --sdist --outdir "$work/sdist") &&
        "$tools/python" -m pip wheel -q --disable-pip-version-check --no-deps -w "$work/from-sdist" \
            "$work/sdist"/*.tar.gz &&
        environment sdist-python python3 "$work/from-sdist"/*.whl &&
        "$work/sdist-python/bin/python" -c 'import libreflink; print(libreflink.library_path(), libreflink.library_version())'
}

make_tools() {
    [ -x "$work/tools/bin/auditwheel" ] && return
    python3 -m venv "$work/tools" && "$work/tools/bin/pip" install -q --disable-pip-version-check \
        build ruff mypy types-cffi auditwheel cffi ziglang hatchling pytest ctypesgen
}

test_python() {
    tools=$work/tools/bin
    if ! make_tools; then
        say SKIPPED "Python: PyPI cannot be reached"
        return
    fi
    run "Python: ruff and mypy --strict" python_sources
    run "Python: the wheel is built" "$here/python/build-wheel.sh" "$work/dist"
    wheel=$(echo "$work"/dist/*.whl)
    [ -f "$wheel" ] || return
    run "Python: $(basename "$wheel"): the tag is right" wheel_tag
    number=0
    for python in $(interpreters); do
        number=$((number + 1))
        version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
        run "Python $version: installed in a fresh environment" environment "python$number" "$python" "$wheel"
        run "Python $version: pytest" pytest_in "python$number"
    done
    run "Python: the system's library" system_wheel
    run "Python: the source distribution" source_distribution
}

formatted() {
    gofmt -d . >"$work/gofmt" && cat "$work/gofmt" && [ ! -s "$work/gofmt" ]
}

test_go() {
    if ! have go; then
        say SKIPPED "Go: not here"
        return
    fi
    cd "$here/go" || return
    PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    LD_LIBRARY_PATH=$prefix/lib
    GOFLAGS=-count=1
    GOTOOLCHAIN=local
    GOCACHE=$work/go-cache # else a link takes the -L that pkg-config gave another run
    export PKG_CONFIG_PATH LD_LIBRARY_PATH GOFLAGS GOTOOLCHAIN GOCACHE
    version=$(go env GOVERSION)
    run "Go $version: gofmt" formatted
    run "Go $version: vet" go vet ./...
    run "Go $version: test, with the race detector" "$here/with-filesystems.sh" go test -race ./...
    run "Go $version: test, with cgo's pointer checks" "$here/with-filesystems.sh" env GODEBUG=cgocheck=2 go test ./...
    cd "$root" || return
    unset LD_LIBRARY_PATH
}

# With the library installed, and with its sources built in. Doc tests and examples are run too.
test_rust() {
    cargo=${CARGO:-cargo}
    if ! have "$cargo"; then
        say SKIPPED "Rust: no cargo here"
        return
    fi
    cd "$here/rust" || return
    version=$(rustc --version | cut -d' ' -f2)
    everything= # ignored tests are those that need file systems
    if [ "$(id -u)" = 0 ]; then everything=--include-ignored; else say SKIPPED "Rust: what needs file systems (not root)"; fi
    target=$CARGO_TARGET_DIR/rust
    run "Rust $version: rustfmt" "$cargo" fmt --all --check
    run "Rust $version: clippy" "$cargo" clippy --quiet --locked --target-dir "$target" --all-targets \
        --features libreflink-fs/static -- --deny warnings
    # shellcheck disable=SC2086 # a word or none
    run "Rust $version: the installed library" env "PKG_CONFIG_PATH=$prefix/lib/pkgconfig" "LD_LIBRARY_PATH=$prefix/lib" \
        "$here/with-filesystems.sh" "$cargo" test --quiet --locked --target-dir "$target" -- $everything
    # shellcheck disable=SC2086
    run "Rust $version: the library built in" "$here/with-filesystems.sh" \
        "$cargo" test --quiet --locked --target-dir "$target" --features libreflink-fs/static -- $everything
    run "Rust $version: documentation" env RUSTDOCFLAGS=-Dwarnings "$cargo" doc --quiet --locked --no-deps \
        --target-dir "$target" --features libreflink-fs/static
    cd "$root" || return
}

# bindgen takes a minute or two to build, once.
find_bindgen() {
    BINDGEN=${BINDGEN:-bindgen}
    have "$BINDGEN" && return
    BINDGEN=$CARGO_TARGET_DIR/tools/bin/bindgen
    have "$BINDGEN" || "${CARGO:-cargo}" install -q --locked bindgen-cli --root "$CARGO_TARGET_DIR/tools"
}

test_makers() {
    find_bindgen
    export BINDGEN
    make_tools
    PYTHON=$work/tools/bin/python CTYPESGEN=$work/tools/bin/ctypesgen "$here/makers/run.sh" "$prefix" >"$work/makers" 2>&1
    cat "$work/makers"
    grep -E '^[a-z-]+: (ok|SKIPPED|FAILED)' "$work/makers" | while IFS=: read -r maker outcome rest; do
        echo "${outcome# }: libreflink.h through $maker$rest" >>"$results"
    done
    if grep -q 'FAILED' "$work/makers" || [ "$(grep -c . "$work/makers")" = 0 ]; then failed=1; fi
}

install_packages
install_library || exit 1
[ $# -gt 0 ] || set -- python go rust makers
for part; do
    case $part in
    python) test_python ;;
    go) test_go ;;
    rust) test_rust ;;
    makers) test_makers ;;
    *) say FAILED "there is no part $part" ;;
    esac
done
echo
cat "$results"
exit $failed
