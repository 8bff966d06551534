# What a contributor runs. CGO stays off: one static binary.
export CGO_ENABLED := 0

.PHONY: build test check update fuzz zoo fleet bench bench-db snapshot
build:
	go build -trimpath -ldflags '-s -w' -o careen ./cmd/careen
	go build -trimpath -ldflags '-s -w' -o careend ./cmd/careend

test:
	go test ./...

# Everything that CI runs, long tests included.
check:
	bash .ci/run

# The golden files of tests, and the pages and tables of docs that are made from
# the program's own; git diff shows what changed.
update:
	go test $$(grep -rl careen/internal/golden --include='*_test.go' internal | xargs -n1 dirname | sort -u | sed 's|^|./|') -update

# Looks for inputs that break a parser or cost too much, in all targets by turns,
# for FOR seconds, and prints a table. TARGETS are patterns of their names.
fuzz:
	bash ci/fuzz $(or $(FOR),600) $(TARGETS)

# The tables of the README's performance section, on images that it builds itself:
# about a quarter of an hour on two cores. RUNS=1 is quicker.
bench:
	go run ./test/bench $(if $(RUNS),-runs $(RUNS))

# The table of docs/database-format.md, on a mirror of the feeds.
bench-db:
	go run ./test/bench/db $(if $(MIRROR),-mirror $(MIRROR))

# The tables of docs/fleet.md, on a PostgreSQL of its own: SIZES=10000,1000000.
fleet:
	CAREEN_FLEET=$(or $(SIZES),10000) go test ./test/fleet -run TestScale -v -timeout 4h

# Real programs, slimmed and asked to do the same: the table of docs/slim.md. As root.
zoo:
	go run ./test/zoo $(filter-out zoo,$(MAKECMDGOALS))
ifeq (zoo,$(firstword $(MAKECMDGOALS)))
$(filter-out zoo,$(MAKECMDGOALS)):
	@:
endif

# The advisory database embedded in the binary, from the upstreams or from
# MIRROR=DIR. Commit it rarely: it weighs on the history.
snapshot:
	go run ./cmd/careen db build --no-text $(if $(MIRROR),--mirror $(MIRROR)) -o internal/vulndb/snapshot.db.zst
