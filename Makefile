# The ways in. Everything else is `cmake --build --preset release` and the scripts of tools/ (docs/development.md).

.PHONY: help run test bench format setup

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

run: ## build Orrery and boot a small Linux in a cluster of its own; ARGS="--cpus 2" adds flags, GUEST=debian boots a whole Debian
	@GUEST="$(GUEST)" tools/run $(ARGS)

test: ## build everything and run every check, as CI does
	@tools/test $(STAGES)

bench: ## build and run the benchmarks
	@tools/bench $(ARGS)

format: ## lay out the C++ by .clang-format
	@git ls-files -z '*.cpp' '*.hpp' | xargs -0 -r clang-format-16 -i

setup: ## install what building, testing and developing need (Debian 12)
	@tools/setup test
