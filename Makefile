# libreflink: what a person types. `make demo` and `make test` need nothing prepared.
# Packagers: packaging/install.mk holds install, uninstall and dist; CONTRIBUTING.md says what each target is for.

CARGO ?= cargo
CARGO_FLAGS ?= --locked
TARGET_DIR ?= $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/release

.PHONY: all lib header test test-filesystems test-zfs lint demo examples tools bench clean help

all: lib examples

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST)

lib: ## the shared and the static library
	$(CARGO) build --release $(CARGO_FLAGS)
	@ln -sf libreflink.so $(RELEASE)/libreflink.so.0

header: ## writes include/reflink.h from src/capi
	REFLINK_WRITE_HEADER=1 $(CARGO) test --quiet $(CARGO_FLAGS) --test header the_committed_header

examples: lib ## the C programs of examples-c, against the library just built
	$(MAKE) -C examples-c BUILD_TREE=1 TARGET_DIR='$(abspath $(TARGET_DIR))'

demo: ## clones a real file and proves that the blocks are shared (FILE=… for one of your own)
	@./examples-c/demo.sh $${FILE:+"$$FILE"}

bench: ## measures against the peers and writes docs/performance.md (QUICK=1: about two minutes; as root)
	CARGO='$(CARGO)' QUICK='$(QUICK)' ./benches/run.sh

tools: ## installs what the tests need (Debian, Ubuntu: as root), or names it
	@./tests/install-tools.sh

test: tools lint lib ## everything
	$(CARGO) test $(CARGO_FLAGS)

test-filesystems: lib ## the contract on some thirty file systems and three kernels (root, some minutes); writes docs/filesystems.md
	@./tests/fs/run.sh $(RELEASE) matrix

test-zfs: lib ## the same on ZFS and bcachefs under emulation (half an hour; builds the ZFS module once)
	@./tests/fs/run.sh $(RELEASE) zfs

lint: ## formatting, warnings and the project's own rules, as CI sees them
	@./tests/lint.sh

clean:
	$(CARGO) clean
	$(MAKE) -C examples-c clean

-include packaging/install.mk
