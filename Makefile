# One command for everything a contributor or an operator does. Each sets up what it needs.

CARGO ?= cargo
MINUTES ?= 30
GUESTS ?= 100
SEEDS ?= 20

.PHONY: help demo test lint bench soak clean

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## The real daemons heartbeat real sockets on this machine, and find dead guests
	@$(CARGO) build --quiet --workspace --bins
	@target/debug/guest-sim demo

test: ## Every test: units, golden bytes, properties, soak in virtual time, real binaries
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace

lint: ## Formatting, clippy and docs; warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

bench: ## Measure the daemon as a whole process, about 15 minutes (ARGS=--quick: 2 minutes)
	$(CARGO) build --release --workspace --bins
	target/release/guest-sim bench $(ARGS)

soak: ## The real cores in virtual time: GUESTS=100 MINUTES=30 SEEDS=20
	$(CARGO) build --release --package guest-sim
	target/release/guest-sim soak --guests $(GUESTS) --minutes $(MINUTES) --seeds $(SEEDS)

clean: ## Remove what was built
	$(CARGO) clean
