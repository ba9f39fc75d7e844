set shell := ["bash", "-euo", "pipefail", "-c"]

_default:
    @just --list --unsorted

# Build hangkit for this machine.
[group('build')]
build:
    CGO_ENABLED=0 go build -trimpath -ldflags='-s -w -buildid=' -o hangkit .

# Make a release in dist/: binaries, archives, Debian packages, live media, bill of materials, checksums.
[group('build')]
release *args:
    go run ./scripts/release {{ args }}

# The same without the live media, which need Debian's packages from the network.
[group('build')]
release-quick:
    go run ./scripts/release --no-iso

# Everything a change must pass before it is committed.
[group('check')]
check: fmt-check vet lint test

# Fail on files that are not gofmt'ed.
[group('check')]
fmt-check:
    @test -z "$(gofmt -l . | tee /dev/stderr)"

# Run go vet, for Windows too.
[group('check')]
vet:
    go vet ./...
    GOOS=windows go vet ./...

# Run the pinned linter.
[group('check')]
lint:
    scripts/lint

# Run the tests; oracles that are not installed are skipped.
[group('check')]
test *args:
    go test {{ args }} ./...

# Run the tests with every oracle required.
[group('check')]
oracle *args:
    HANGKIT_REQUIRE_ORACLES=1 go test -count=1 {{ args }} ./...

# Run the tests with the race detector, in random order (needs a C compiler).
[group('check')]
race:
    CGO_ENABLED=1 go test -race -shuffle=on ./...

# Boot a Linux with ntfs3 that mounts, reads and writes to volumes we wrote (needs QEMU, some minutes).
[group('check')]
boot:
    scripts/bootntfs3

# Boot the live medium in QEMU on every firmware and bus, reject it unsigned, cut its power (an hour): just boot-matrix arm64.
[group('check')]
boot-matrix *lanes:
    go run ./scripts/bootmatrix {{ lanes }}

# Run the Windows build under Wine on devices, images and folders, and compare with Linux.
[group('check')]
wine:
    scripts/wine

# What CI runs.
[group('check')]
ci:
    .ci/run

# Fuzz every target for a while, or those of some directories: just fuzz 10m ntfs.
[group('dev')]
fuzz time="30s" *dirs:
    scripts/fuzz {{ time }} {{ dirs }}

# Rewrite the golden files; read the diff.
[group('dev')]
golden:
    go test ./offline/... ./hive ./collect -update

# Compare our readers and the whole program with dd, ntfscat, icat, qemu-img and dislocker, and the hive engine with its peers.
[group('dev')]
bench:
    scripts/bench
    scripts/benchcopy
    scripts/benchhive
    go run ./scripts/benchimages

# Hold a dump of 4 GiB, in one piece and in 20,000, against dd of the same extents (as root, on an idle machine).
[group('dev')]
bench-copy:
    scripts/benchcopy

# Compare how fast files come off an NTFS volume with dd, go-ntfs, icat, ntfscat, ntfs-3g and 7zz (as root).
[group('dev')]
bench-ntfs:
    go run ./scripts/benchntfs

# Compare how fast VHDX, qcow2 and BitLocker are read, and check on them, with qemu-img, dislocker and libguestfs.
[group('dev')]
bench-images:
    go run ./scripts/benchimages

# Walk through everything on a generated disk.
[group('dev')]
demo:
    go run . demo
