#!/bin/sh
# Installs what the tests of packaging need beside tests/install-tools.sh: by apt as root on Debian and Ubuntu; elsewhere it
# names what is missing, and those tests are skipped and say so. With "all", what make check-packages needs too.
set -eu

missing=
need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

need ld.lld lld
need pkg-config pkg-config
need cmake cmake
need groff groff
need man man-db
need mandoc mandoc
need abidiff abigail-tools
if [ "${1-}" = all ]; then
    need mmdebstrap mmdebstrap
    need lintian lintian
    need rpmbuild rpm
    need rpmlint rpmlint
    need cpio cpio
fi
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # one word each
    apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
        apt-get update -qq
        # shellcheck disable=SC2086
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
    }
else
    echo "Not here, and tests that need it are skipped (Debian's package names):$missing"
fi
