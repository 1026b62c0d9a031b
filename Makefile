# Thin on purpose: each target is one or two commands. CARGO_TARGET_DIR keeps the build outside the checkout.
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)

.PHONY: help demo test test-programs bench lint

help:
	@echo 'make demo    build, start a throw-away database, two origins and both services, take the tour, stay up (TOUR=once: exit after the tour)'
	@echo 'make test    formatting, clippy, unit and end-to-end tests; installs what is missing (PostgreSQL, psycopg)'
	@echo 'make test-programs   the days of twenty drivers, ORMs and tools, directly and through the proxy; installs them'
	@echo 'make bench   release build, then gateway against Squid and proxy against PgBouncer'
	@echo 'make lint    formatting and clippy only'

demo:
	@tests/prepare.sh postgresql curl
	cargo build --quiet -p exeat
	@$(TARGET)/debug/exeat demo $(if $(TOUR),--tour $(TOUR))

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

test: lint
	@tests/prepare.sh postgresql curl psycopg programs-core
	@tests/run.sh

test-programs:
	@tests/prepare.sh postgresql programs
	cargo build --locked -p exeat
	@$(TARGET)/venv/bin/python tests/programs/run.py --refused --exeat $(TARGET)/debug/exeat --packages $(TARGET)/programs

bench:
	@tests/prepare.sh postgresql pgbouncer squid
	cargo build --release -p exeat -p exeat-tests
	@$(TARGET)/release/exeat-bench --out $(TARGET)/bench.md
