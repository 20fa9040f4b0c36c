# libreflink: what a person types. `make demo` and `make test` need nothing prepared.
# Packagers: packaging/install.mk holds install, uninstall and dist; CONTRIBUTING.md says what each target is for.

CARGO ?= cargo
CARGO_FLAGS ?= --locked
TARGET_DIR ?= $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/release

.PHONY: all lib header test torture valgrind sanitize fuzz test-filesystems test-zfs test-portable check-targets test-targets test-windows contract test-bindings test-new-machine lint demo examples tools bench clean help

all: lib examples

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST)

lib: ## the shared and the static library
	$(CARGO) build --release $(CARGO_FLAGS)
	@ln -sf libreflink.so $(RELEASE)/libreflink.so.0

header: ## writes include/libreflink.h from src/capi, and the numbers that bindings, tests and examples have of it
	REFLINK_WRITE_HEADER=1 $(CARGO) test --quiet $(CARGO_FLAGS) --test header is_what_src_capi_says

examples: lib ## the C programs of examples-c, against the library just built
	$(MAKE) -C examples-c BUILD_TREE=1 TARGET_DIR='$(abspath $(TARGET_DIR))'

demo: ## clones a real file and proves that the blocks are shared (FILE=… for one of your own)
	@./examples-c/demo.sh $${FILE:+"$$FILE"}

bench: ## measures against the peers and writes docs/performance*.md (QUICK=1: about two minutes; as root)
	CARGO='$(CARGO)' QUICK='$(QUICK)' ./benches/run.sh

tools: ## installs what the tests need (Debian, Ubuntu: as root), or names it
	@./tests/install-tools.sh test

test: tools lint lib ## everything
	$(CARGO) test $(CARGO_FLAGS)

test-filesystems: lib ## the contract on some thirty file systems and three kernels (root, some minutes); writes docs/filesystems.md
	@./tests/fs/run.sh $(RELEASE) matrix

test-zfs: lib ## the same on ZFS and bcachefs under emulation (half an hour; builds the ZFS module once)
	@./tests/fs/run.sh $(RELEASE) zfs

test-portable: ## the backend of the other Unixes, run on Linux in the place of its own (a minute; "make test" does it too)
	@CARGO='$(CARGO)' CARGO_TARGET_DIR='$(abspath $(TARGET_DIR))' ./tests/portable.sh

# `make test` checks five of these. All of them fetch and build some 2 GB the first time (compilers, C libraries, emulators).
check-targets: ## every target: lints, links where that is possible, C programs against the header (Debian or Ubuntu on amd64)
	REFLINK_TARGETS=all $(CARGO) test $(CARGO_FLAGS) --test targets

test-targets: check-targets ## the tests for each Linux target, natively or emulated (root), and what can be seen of the other systems; writes docs/platforms.md
	@./tests/targets/run.sh; code=$$?; \
	if [ $$code = 77 ]; then echo "SKIPPED: test-targets"; exit 0; fi; \
	./tests/targets/elsewhere.sh || code=1; ./tests/targets/report.sh && exit $$code

test-windows: ## the Windows build's contract under Wine (Debian or Ubuntu on amd64; fetches mingw-w64, Wine and a compiler once)
	@./tests/windows/run.sh; code=$$?; \
	if [ $$code = 77 ]; then echo "SKIPPED: test-windows"; else exit $$code; fi

test-new-machine: ## "make demo" and "make test" on a bare Debian 12 and a bare Debian 13 (root, debootstrap, an hour)
	@./tests/new-machine.sh $(SUITES); code=$$?; \
	if [ $$code = 77 ]; then echo "SKIPPED: test-new-machine"; else exit $$code; fi

contract: ## the portable contract on a file system of your own: DIR=directory, OTHER=one on another volume (on Windows: tests/contract-c/run.ps1)
	@CARGO='$(CARGO)' CARGO_TARGET_DIR='$(abspath $(TARGET_DIR))' ./tests/contract-c/run.sh $(if $(DIR),'$(DIR)') $(if $(OTHER),'$(OTHER)')

# The long forms write docs/reliability-figures.md; `make test` runs the short ones. A seed that was printed, given back as SEED, repeats a run.
TIME ?= 900
FIGURES = ./tests/torture/figures.sh
torture: tools lib ## every promise attacked, for about TIME seconds (all fault injections take a quarter of an hour): TIME=900 SEED=n
	REFLINK_TIME=$(TIME) $(if $(SEED),REFLINK_SEED=$(SEED)) $(FIGURES) "make torture" $(CARGO) test $(CARGO_FLAGS) --test torture
	REFLINK_TIME=$(TIME) $(if $(SEED),REFLINK_SEED=$(SEED)) $(CARGO) test $(CARGO_FLAGS) --test tree
	$(FIGURES) "unit tests" $(CARGO) test $(CARGO_FLAGS) --lib

valgrind: lib ## the C programs under valgrind's memory and thread checkers
	@$(FIGURES) "make valgrind" ./tests/torture/memory.sh valgrind $(RELEASE)

sanitize: lib ## the C programs, then the library too (nightly toolchain), under the address, undefined and thread sanitizers
	@$(FIGURES) "make sanitize" ./tests/torture/memory.sh sanitize $(RELEASE)

fuzz: FUZZ_TIME ?= 600
fuzz: ## the fuzz targets, FUZZ_TIME=600 seconds each (nightly toolchain)
	@$(FIGURES) "make fuzz" ./fuzz/run.sh $(FUZZ_TIME) '$(abspath $(TARGET_DIR))'

test-bindings: ## Python, Go, Rust and the binding makers against the library (some minutes; installs what it needs, or names it)
	@CARGO_TARGET_DIR='$(abspath $(TARGET_DIR))' ./bindings/run-tests.sh

lint: ## formatting, warnings and the project's own rules, as CI sees them
	@./tests/lint.sh

clean:
	$(CARGO) clean
	$(MAKE) -C examples-c clean

-include packaging/install.mk
