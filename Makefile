# Everything a person or CI runs here. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# The same cases of property tests each time; PROPTEST_RNG_SEED and PROPTEST_CASES choose others, and more.
export PROPTEST_RNG_SEED ?= 1
# Tools, kernels and logs that are fetched or made; ignored by git, and safe to remove.
export RUNTIMEMAP_CACHE ?= $(CURDIR)/.cache
SETUP := $(RUNTIMEMAP_CACHE)/setup.mk

# The set-up step decides how eBPF is built; it runs by itself the first time something is to be built.
ifneq ($(filter-out help clean,$(MAKECMDGOALS)),)
-include $(SETUP)
endif
$(SETUP): tests/setup/setup.sh tests/setup/packages.txt tests/setup/requirements.txt
	@tests/setup/setup.sh

# Static binaries: they run in an image from scratch and in another kernel's first file system. With --target the flag is not
# for build scripts and macros.
HOST := $(shell uname -m)-unknown-linux-gnu
STATIC := RUSTFLAGS='-C target-feature=+crt-static'
ARM64 := aarch64-unknown-linux-gnu
BUILT := $(abspath $(or $(CARGO_TARGET_DIR),target))
RELEASE := $(BUILT)/$(HOST)/release
DEVELOPMENT := $(BUILT)/debug
export RUNTIMEMAP_RECORDER ?= $(RELEASE)/runtimemap-recorder
export RUNTIMEMAP_PLUGIN ?= $(RELEASE)/kubectl-runtimemap
export RUNTIMEMAP_RECORDER_ARM64 ?= $(BUILT)/$(ARM64)/release/runtimemap-recorder
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER ?= aarch64-linux-gnu-gcc

TESTS := tests/setup/test.sh
# The parts of `make test`, in the order in which they run. Each is a target of its own.
PARTS := format lint scripts deny unit judge docs ebpf kernel plugin e2e enforce truth replay kernels
# Integration tests of the part `unit`: all but the recorder's, which need this kernel, those named plugin*, which need kubectl,
# those that make containers with runc or ask the judge, and what README shows.
UNIT_TESTS := $(basename $(notdir $(wildcard tests/*.rs $(foreach name,crds policy kubectl-runtimemap,$(name)/tests/*.rs))))
UNIT_TESTS += $(foreach name,crds policy kubectl-runtimemap,$(notdir $(patsubst %/main.rs,%,$(wildcard $(name)/tests/*/main.rs))))
UNIT_TESTS := $(filter-out plugin% runc judge readme,$(UNIT_TESTS))

export CONSERVATION := conservation::what_is_missing_lies_in_a_counted_loss

# Builds one test program and prints where it is: by options of cargo, and its name.
test_program = cargo test $(1) --workspace --test $(2) --no-run --message-format=json | jq -r 'select(.target.name == "$(2)").executable // empty'

define needs_root
@[ "$$(id -u)" = 0 ] || { echo "$@: loads eBPF programs, which needs root; run it as root, or leave it out: make test WITHOUT=$@" >&2; exit 1; }
endef

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what building and testing need (root, for Debian packages); quick when all is there
	@tests/setup/setup.sh cluster

# What the demo needs: without the programs of a cluster, which take minutes to build.
.PHONY: tools
tools:
	@tests/setup/setup.sh

.PHONY: build
build: ## the recorder and the plugin, optimized and static
	$(STATIC) cargo build --release --target $(HOST) -p runtimemap-recorder -p kubectl-runtimemap

.PHONY: arm64
arm64: ## the same for arm64, built here; installs what that needs (root, for Debian packages)
	@tests/setup/setup.sh arm64
	$(STATIC) cargo build --release --target $(ARM64) -p runtimemap-recorder -p kubectl-runtimemap

.PHONY: check
check: format lint unit ## the quick inner loop: format, clippy, unit tests

.PHONY: test
test: setup ## everything; WITHOUT="kernels truth" leaves parts out by name and says so
	@tests/setup/parts.sh $(PARTS)

.PHONY: demo
demo: tools ## record a web server, show its map and policies, run it again under its seccomp profile; KEEP=FILE keeps the recording
	$(needs_root)
	cargo build -p runtimemap-recorder -p kubectl-runtimemap
	@RUNTIMEMAP_RECORDER=$(DEVELOPMENT)/runtimemap-recorder RUNTIMEMAP_PLUGIN=$(DEVELOPMENT)/kubectl-runtimemap tests/demo/run.sh $(KEEP)

.PHONY: format
format: ## part: rustfmt finds nothing to change
	cargo fmt --all --check

.PHONY: lint
lint: ## part: clippy without a warning
	cargo clippy --workspace --all-targets -- -D warnings

.PHONY: scripts
scripts: ## part: shellcheck without a word
	shellcheck --external-sources .ci/run $$(git ls-files '*.sh' ':!tests/truth')

.PHONY: deny
deny: ## part: licences, bans and sources of what is depended on (see deny.toml)
	cargo deny --all-features check bans licenses sources

.PHONY: advisories
advisories: ## known vulnerabilities of what is depended on; needs the advisory database from the network
	cargo deny check advisories

.PHONY: unit
unit: ## part: unit and integration tests that need no privilege
	$(TESTS) lib bin $(UNIT_TESTS)
	cargo test --workspace --doc

.PHONY: judge
judge: ## part: what network policies allow, compared with network-config-analyzer on random clusters
	$(TESTS) judge -- --nocapture

.PHONY: docs
docs: ## part: the documentation builds without a warning
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps

.PHONY: ebpf
ebpf: build ## part: the eBPF objects build and hold what they should
	@tests/setup/ebpf.sh "$(RELEASE)"

.PHONY: kernel
kernel: ## part: programs loaded into this kernel see what they should (root)
	$(needs_root)
	@export RECORDER_OF_ANOTHER_LAYOUT=$(BUILT)/recorder-of-another-layout; \
	recorder=$$(cargo build --workspace --bin runtimemap-recorder --features runtimemap-recorder/other-layout \
		--message-format=json-render-diagnostics | jq -r 'select(.executable).executable') && \
	cp "$$recorder" "$$RECORDER_OF_ANOTHER_LAYOUT" && \
	$(TESTS) agent record

.PHONY: plugin
plugin: build ## part: the plugin, run by the real kubectl
	$(TESTS) 'plugin*'

.PHONY: truth
truth: build ## part: recordings of real programs, compared with strace (root); ONLY=nginx chooses by name
	$(needs_root)
	$(TESTS) truth -- $(ONLY)

.PHONY: replay
replay: build ## part: recorded servers run again under runc with their own filter; what runc itself needs; what README shows (root)
	$(needs_root)
	$(TESTS) runc replay readme

.PHONY: kernels
kernels: $(if $(filter-out %-arm64,$(or $(KERNELS),6.1)),build) $(if $(filter %-arm64,$(KERNELS)),arm64) ## part: Debian's 5.10, 6.1, 6.12 and newest 7 in virtual machines; KERNELS="7 6.1-arm64" chooses, HOOKS=all tries each choice on each
	@export RUNTIMEMAP_TRUTH="$$($(TESTS) --where truth)" RUNTIMEMAP_AGENT_TESTS="$$($(TESTS) --where agent)"; \
	$(if $(filter %-arm64,$(KERNELS)),export RUNTIMEMAP_TRUTH_ARM64="$$($(call test_program,--target $(ARM64),truth))";) \
	tests/kernels/run.sh $(KERNELS)

.PHONY: conservation
conservation: build ## what is missing lies in a counted loss: 1,000 random schedules here, 50 on each other kernel; SCHEDULES, KERNELS choose (root)
	$(needs_root)
	SCHEDULES=$${SCHEDULES:-1000} AT_ONCE=$${AT_ONCE:-8} $(STATIC) cargo test --release --target $(HOST) --workspace --test agent -- --exact $(CONSERVATION) --nocapture
	@RUNTIMEMAP_AGENT_TESTS="$$($(STATIC) $(call test_program,--release --target $(HOST),agent))" tests/kernels/conservation.sh $(KERNELS)

.PHONY: e2e
e2e: build ## part: a real Kubernetes node, runtimemap on it, and workloads' objects, whole (root); ONLY=network chooses by name
	$(needs_root)
	@tests/e2e/run.sh $(ONLY)

.PHONY: enforce
enforce: build ## part: a sample application on a real node under the policies made from it: 0 denials, planted ones are seen (root); ONLY=seccomp chooses by name
	$(needs_root)
	@tests/enforce/run.sh $(ONLY)

.PHONY: fuzz
fuzz: ## every parser of the plugin on whatever comes from outside, each for SECONDS (60) at a time: ten minutes on two cores
	RUNTIMEMAP_FUZZ_SECONDS=$(or $(SECONDS),60) cargo test -p kubectl-runtimemap --bin kubectl-runtimemap ::any_

.PHONY: measure
measure: ## write down what the installed runc needs under a filter (root); RUNTIMEMAP_RUNTIME names another runtime
	$(needs_root)
	$(TESTS) runc -- --ignored measure

.PHONY: dist
dist: ## archives of the plugin for krew, with checksums and what is in them, for the platforms this machine can build for
	@krew/dist.sh dist
	RUNTIMEMAP_DIST=$(CURDIR)/dist cargo test -p kubectl-runtimemap --test plugin_krew -- --ignored make_dist

.PHONY: bench
bench: build ## how long things take: the plugin, policies, 5,000 nodes' mailboxes; what the recorder costs (root; half an hour)
	$(needs_root)
	cargo bench -p runtimemap-policy -p kubectl-runtimemap
	cargo bench -p runtimemap-tests --bench mailboxes
	$(STATIC) cargo bench --target $(HOST) -p runtimemap-recorder --bench cost

.PHONY: clean
clean: ## remove what was built; what was fetched stays in .cache
	cargo clean
