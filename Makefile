# Thin on purpose: each target is one or two commands. CARGO_TARGET_DIR keeps the build outside the checkout.
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)

.PHONY: help demo test test-deep test-programs test-postgres-versions fuzz bench lint

help:
	@echo 'make demo    build, start a throw-away database, two origins and both services, take the tour, stay up (TOUR=once: exit after the tour)'
	@echo 'make test    formatting, clippy, unit and end-to-end tests; installs what is missing (PostgreSQL, psycopg)'
	@echo 'make test-deep  the canary tests with 100,000 statements (SEED=n: other ones)'
	@echo 'make fuzz    every fuzz target in a loop of mutations, MINUTES=n of processor time each (5)'
	@echo 'make test-postgres-versions  what PostgreSQL says of statements, and the second wall, on the major versions 14 to 18 (npm installs them)'
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

test-deep:
	@tests/prepare.sh postgresql
	cargo build --locked -p exeat
	EXEAT_BIN=$(TARGET)/debug/exeat EXEAT_CANARY_STATEMENTS=100000 EXEAT_CANARY_SEED=$(or $(SEED),1) cargo test --locked -p exeat-tests --test canary -- --nocapture

fuzz:
	EXEAT_FUZZ_MINUTES=$(or $(MINUTES),5) cargo test --locked -p exeat-tests --test fuzz -- --nocapture

# What PostgreSQL says of statements, the second wall, the catalog and what goes by versions of it, once per server: PATH says which one, EXEAT_POSTGRES_MAJOR makes sure of it.
test-postgres-versions:
	@tests/prepare.sh postgresql
	cargo build --locked -p exeat
	@tests/postgres-versions.sh >$(TARGET)/postgres-versions.txt
	@while read -r major bin; do echo "PostgreSQL $$major ($$bin)"; \
	  PATH="$$bin:$$PATH" EXEAT_POSTGRES_MAJOR=$$major cargo test --quiet --locked -p exeat-tests --test querytree </dev/null \
	  && PATH="$$bin:$$PATH" EXEAT_POSTGRES_MAJOR=$$major EXEAT_BIN=$(TARGET)/debug/exeat cargo test --quiet --locked -p exeat-tests --test e2e -- wall:: database::catalog:: walls::applied walls::counted walls::guarded walls::late walls::maintained walls::modified walls::wide </dev/null || exit 1; \
	done <$(TARGET)/postgres-versions.txt

test-programs:
	@tests/prepare.sh postgresql programs
	cargo build --locked -p exeat
	@$(TARGET)/venv/bin/python tests/programs/run.py --refused --exeat $(TARGET)/debug/exeat --packages $(TARGET)/programs

bench:
	@tests/prepare.sh postgresql pgbouncer squid
	cargo build --release -p exeat -p exeat-tests
	@$(TARGET)/release/exeat-bench --out $(TARGET)/bench.md
