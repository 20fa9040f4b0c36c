# Installing, packing and checking what is installed. Included by the top Makefile; docs/packaging.md is its manual.
# Settable: PREFIX DESTDIR LIBDIR and the other directories; CC CFLAGS LDFLAGS RUSTFLAGS CARGO CARGO_FLAGS CARGO_BUILD_TARGET.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/libreflink
CMAKEDIR ?= $(DATADIR)/cmake/libreflink
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
DESTDIR ?=

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# Raised by hand when the ABI breaks. build.rs has the same number; tests/symbols.rs compares them.
SOVERSION := 0
# The output of rustc --print native-static-libs for a target with glibc (tests/symbols.rs compares).
NATIVE_LIBS ?= -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc

# Taken out of the shared library; Debian and Fedora set it to nothing and make packages of debugging symbols.
LINK_STRIP ?= -Wl,--strip-debug
OBJCOPY ?= objcopy

ARTIFACTS := $(TARGET_DIR)/$(if $(CARGO_BUILD_TARGET),$(CARGO_BUILD_TARGET)/)release
BUILT ?= $(ARTIFACTS)/package
DIST ?= $(TARGET_DIR)/dist
SHARED := $(BUILT)/libreflink.so.$(VERSION)

export CC CFLAGS LDFLAGS OBJCOPY AR LINK_STRIP NATIVE_LIBS

INSTALL_ENVIRONMENT = VERSION='$(VERSION)' SOVERSION='$(SOVERSION)' BUILT='$(BUILT)' DESTDIR='$(DESTDIR)' \
	PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' DATADIR='$(DATADIR)' MANDIR='$(MANDIR)' \
	DOCDIR='$(DOCDIR)' CMAKEDIR='$(CMAKEDIR)' PKGCONFIGDIR='$(PKGCONFIGDIR)'

.PHONY: package-lib install uninstall man licenses dist deny abi-dump check-install check-abi check-dist check-msrv \
	check-cinstall check-cross check-packages deb rpm packaging-tools publisher

# Files and not a phony target, so that "sudo make install" after "make" does not call cargo as root.
$(SHARED): $(shell find src include -type f) Cargo.toml Cargo.lock build.rs packaging/link.sh
	$(CARGO) build --release $(CARGO_FLAGS)
	./packaging/link.sh '$(ARTIFACTS)/libreflink.a' '$(BUILT)' '$(SOVERSION)' '$(VERSION)'
	@touch $@

package-lib: $(SHARED) ## the libraries as they are installed, with versioned symbols

install: $(SHARED) ## installs below PREFIX (DESTDIR=, LIBDIR=… : docs/packaging.md)
	@$(INSTALL_ENVIRONMENT) ./packaging/install.sh install

uninstall: ## removes what install installs, given the same directories
	@$(INSTALL_ENVIRONMENT) ./packaging/install.sh uninstall

man: ## writes man/ from include/libreflink.h and man/src
	REFLINK_WRITE_MAN=1 $(CARGO) test --quiet $(CARGO_FLAGS) --test man the_committed_pages

licenses: ## writes docs/dependencies.md from Cargo.lock
	@./packaging/licenses.sh write

publisher: ## writes packaging/publisher wherever it is said
	@./packaging/publisher.sh write && $(MAKE) --no-print-directory man

dist: ## source and vendored tarballs with checksums, from the last commit (PLACEHOLDERS=1: not for publishing)
	@PLACEHOLDERS='$(PLACEHOLDERS)' ./packaging/dist.sh '$(DIST)' '$(VERSION)'

check-install: tools ## the tests of what is installed, alone (they are in "make test" too)
	$(CARGO) test $(CARGO_FLAGS) --test install --test symbols --test man

check-abi: tools $(SHARED) ## against the last release, if there is one; old programs with a library of larger structures
	./packaging/abi.sh check
	./packaging/abi.sh selftest
	./packaging/check-growth.sh '$(abspath $(BUILT))'

abi-dump: ## at a release: keeps the header and its ABI as what later ones are compared with
	./packaging/abi.sh dump

check-dist: ## tarballs and builds from them are reproducible, and need no network
	./packaging/check-dist.sh '$(VERSION)'

deny: ## licences, sources and duplicates of the dependencies (cargo install cargo-deny --locked)
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --offline check licenses bans sources; \
	else echo "SKIPPED: no cargo-deny here (cargo install cargo-deny --locked)"; fi
	@./packaging/licenses.sh check

# What is made only to be looked at may have placeholders in it.
check-packages check-msrv check-cinstall deb check-cross rpm check-dist: export PLACEHOLDERS := 1

PACKAGES := $(DIST)/packages
CHECK_PACKAGES = ./packaging/check-packages.sh '$(PACKAGES)' '$(DIST)/libreflink-$(VERSION)-vendored.tar.gz'

check-packages: packaging-tools dist ## Debian and RPM packages, Rust 1.85, cargo-c: in clean chroots (root, half an hour)
	$(CHECK_PACKAGES) msrv cinstall deb cross rpm

check-msrv: packaging-tools dist ## builds and tests with the oldest Rust there is support for (root)
	$(CHECK_PACKAGES) msrv

check-cinstall: packaging-tools dist ## the same tree from Debian's cargo-c (root)
	$(CHECK_PACKAGES) cinstall

deb: packaging-tools dist ## Debian packages, made and used in clean chroots (root)
	$(CHECK_PACKAGES) deb

check-cross: packaging-tools dist ## Debian packages for arm64, run in an emulator (root)
	$(CHECK_PACKAGES) cross

rpm: packaging-tools dist ## RPM packages, with rpmbuild and rpmlint
	$(CHECK_PACKAGES) rpm

packaging-tools:
	@./tests/install-tools.sh packages
