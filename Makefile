# One command for everything a contributor or an operator does. Each sets up what it needs.

CARGO ?= cargo
MINUTES ?= 30
GUESTS ?= 100
SEEDS ?= 20
HOSTS ?= 4

SCRIPTS := .ci/run tests/tools.sh packaging/bookworm packaging/build $(wildcard packaging/scripts/*/p*) \
	$(wildcard packaging/init.d/* packaging/ocf/*) packaging/systemd/libvirt-access \
	$(addprefix guest/init/,heartbeat_init guest-client.openrc sample_event_handler sample_health_check)

BUILT := $(or $(CARGO_TARGET_DIR),target)

# The client for guests: nothing of the guest is needed but its kernel. Relocations packed: 60 kB less.
GUEST_TARGET := x86_64-unknown-linux-gnu
GUEST_STATIC := $(BUILT)/$(GUEST_TARGET)/guest/guest-client
GUEST_RUSTFLAGS := -C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs \
	--remap-path-prefix=$(or $(CARGO_HOME),$(or $(HOME),/root)/.cargo)=cargo --remap-path-prefix=$(CURDIR)=.
C_LIBRARY := $(BUILT)/c-library

.PHONY: help demo test lint bench soak guest-static guest-footprint tools c-library packages test-packages package-tools clean

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: ## The real daemons heartbeat real sockets on this machine, and find dead guests
	@$(CARGO) build --quiet --workspace --bins
	@$(BUILT)/debug/guest-sim demo

test: tools ## Every test: units, golden bytes, properties, soak in virtual time, real binaries
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace

lint: tools ## Formatting, clippy, docs and shell scripts; warnings are errors
	shellcheck $(SCRIPTS)
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

bench: ## Measure guestServer as a whole process, 15 minutes (ARGS=--quick: 2 minutes); guestAgent: ARGS=--agent
	$(CARGO) build --release --workspace --bins
	$(BUILT)/release/guest-sim bench $(ARGS)

soak: ## The real cores in virtual time: GUESTS=100 MINUTES=30 SEEDS=20 HOSTS=4 (0: guestServer alone)
	$(CARGO) build --release --package guest-sim
	$(BUILT)/release/guest-sim soak --guests $(GUESTS) --minutes $(MINUTES) --seeds $(SEEDS) --hosts $(HOSTS)

guest-static: tools ## One static guest-client for any x86-64 guest
	RUSTFLAGS="$(GUEST_RUSTFLAGS)" $(CARGO) build --package guest-client --bin guest-client \
		--profile guest --target $(GUEST_TARGET)
	@if readelf --program-headers --wide $(GUEST_STATIC) | grep INTERP; then \
		echo "$(GUEST_STATIC) is not static" >&2; exit 1; fi
	@ls -l $(GUEST_STATIC)

guest-footprint: guest-static ## Size, memory and wake-ups of the static client, in a minute
	$(CARGO) run --quiet --package end-to-end --bin footprint -- $(GUEST_STATIC) --log-level warn

tools: # The programs beside Rust; installs what is missing
	@tests/tools.sh

c-library: ## The C library of applications, as it is installed: target/c-library
	$(CARGO) rustc --release --package guest-heartbeat-api --crate-type cdylib,staticlib
	$(CARGO) rustc --release --package guest-common-api --crate-type cdylib,staticlib
	mkdir -p $(C_LIBRARY)/include $(C_LIBRARY)/lib/pkgconfig
	cp guest/library/include/*.h $(C_LIBRARY)/include
	cp guest/library/pkgconfig/*.pc $(C_LIBRARY)/lib/pkgconfig
	cp $(C_LIBRARY)/../release/libguest_*_api.a $(C_LIBRARY)/lib
	for name in libguest_heartbeat_api.so libguest_common_api.so; do \
		cp $(C_LIBRARY)/../release/$$name $(C_LIBRARY)/lib/$$name.3 && \
		ln -sf $$name.3 $(C_LIBRARY)/lib/$$name || exit 1; done

packages: package-tools ## deb and rpm of everything, in target/packages
	packaging/build

test-packages: packages ## Install, start, upgrade and purge the packages in a Debian of their own; needs root
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --test packages -- --ignored

package-tools: # For these two, the cargo plugins aside
	@tests/tools.sh packages

clean: ## Remove what was built
	$(CARGO) clean
