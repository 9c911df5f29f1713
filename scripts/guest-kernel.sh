#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fetch a Debian kernel for test guests into the user's cache and print the directory it is in.
# The system's own package lists are never touched: apt runs with a state of its own.
set -euo pipefail

usage() {
	cat <<'TEXT'
usage: guest-kernel.sh [--flavour cloud|generic] [--refresh] VERSION
       guest-kernel.sh [--flavour cloud|generic] --list

VERSION is 5.10, 6.1, 6.12 or newest. The kernel is unpacked once, into
${XDG_CACHE_HOME:-$HOME/.cache}/kvmlens/kernels/VERSION (VERSION-generic for --flavour generic):
  vmlinuz       the kernel image
  lib/modules   its modules, with modules.dep
  release       what `uname -r` says in it
The directory's path is printed. --refresh fetches again where the mirror has a newer one.
--list prints each VERSION that is in the cache, one a line with its release.

The cloud kernel is small and boots fast; the generic one has 9p, to use the host's root.
Exit codes: 0 done, 2 wrong usage, 69 the mirror of this machine does not have it, 1 else.
TEXT
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/kvmlens
flavour=cloud
refresh=
unpack=$cache/kernels/.unpack

die() {
	local code=$1
	shift
	echo "guest-kernel: $*" >&2
	exit "$code"
}

# The suites that have a version, best first.
suites_of() {
	case $1 in
	5.10) echo bullseye bullseye-security ;;
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	newest) echo sid trixie-backports ;;
	*) die 2 "unknown version '$1': use 5.10, 6.1, 6.12 or newest" ;;
	esac
}

# The mirror that this machine uses itself: its main archive, or its security archive.
mirror_of() {
	local want=main
	[[ $1 != *-security ]] || want=security
	apt-get indextargets --format "\$(CODENAME) \$(REPO_URI)" 'Created-By: Packages' |
		awk -v want="$want" '(($1 ~ /-security$/) ? "security" : "main") == want { print $2; exit }'
}

apt_private() {
	local suite=$1 state=$cache/apt/$1 tool=$2
	shift 2
	"$tool" -q -o Dir::State="$state" -o Dir::State::Lists="$state/lists" \
		-o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
		-o Dir::Etc::sourcelist="$state/sources.list" \
		-o Dir::Etc::sourceparts="$state/none" -o Dir::Etc::preferences="$state/none" \
		-o Dir::Etc::preferencesparts="$state/none" -o APT::Architecture=amd64 \
		-o APT::Architectures=amd64 -o APT::Sandbox::User=root \
		-o APT::Default-Release="$suite" -o Acquire::Languages=none \
		-o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 "$@"
}

# Make the private apt state of a suite and fill its lists. Fails when the mirror lacks the suite.
apt_prepare() {
	local suite=$1 state=$cache/apt/$1 uri
	uri=$(mirror_of "$suite")
	[ -n "$uri" ] || return 1
	mkdir -p "$state"/{lists/partial,cache/archives/partial,none}
	: >"$state/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main" \
		>"$state/sources.list"
	apt_private "$suite" apt-get -o APT::Update::Error-Mode=any update >"$state/log" 2>&1
}

# Packages that make up a kernel, one a line: the newest image, and modules packaged apart from it.
packages_of() {
	local suite=$1 meta=linux-image-cloud-amd64
	[ "$flavour" = cloud ] || meta=linux-image-amd64
	apt_private "$suite" apt-cache depends --recurse --important --no-conflicts --no-breaks \
		--no-replaces --no-enhances "$meta" 2>/dev/null |
		grep -E '^linux-(image|modules|binary)-[0-9]' | grep -vE -- '-(dbg|unsigned)$' |
		sort -u
}

# Newer packages have everything below /usr/lib/modules; older ones use /boot and /lib.
settle() {
	local dir=${1:?} release image
	[ -d "$dir/lib/modules" ] || { mkdir -p "$dir/lib" && mv "$dir/usr/lib/modules" "$dir/lib/"; }
	release=$(ls "$dir/lib/modules")
	[ -d "$dir/lib/modules/$release/kernel" ] || return 1
	image=$(find "$dir/boot" "$dir/lib" "$dir/usr" -type f -name 'vmlinuz*' -print -quit 2>/dev/null)
	[ -n "$image" ] || return 1
	mv "$image" "$dir/vmlinuz"
	rm -rf "${dir:?}"/{boot,usr,etc}
	depmod -b "$dir" "$release" 2>/dev/null
	echo "$release" >"$dir/release"
}

fetch_from() {
	local suite=$1 dest=$2 packages deb
	apt_prepare "$suite" || return 1
	mapfile -t packages < <(packages_of "$suite")
	[ "${#packages[@]}" -gt 0 ] || return 1
	rm -rf "$unpack"
	mkdir -p "$unpack/deb" "$unpack/root"
	(cd "$unpack/deb" && apt_private "$suite" apt-get download "${packages[@]}") \
		>>"$cache/apt/$suite/log" 2>&1 || return 1
	for deb in "$unpack"/deb/*.deb; do
		dpkg-deb -x "$deb" "$unpack/root" || return 1
	done
	settle "$unpack/root" || return 1
	rm -rf "$dest"
	mv "$unpack/root" "$dest"
	rm -rf "$cache/apt/$suite/lists" "$cache/apt/$suite/cache"
}

list() {
	local dir suffix=
	[ "$flavour" = cloud ] || suffix=-generic
	for dir in 5.10 6.1 6.12 newest; do
		[ ! -f "$cache/kernels/$dir$suffix/release" ] ||
			echo "$dir $(cat "$cache/kernels/$dir$suffix/release")"
	done
}

main() {
	local version dest suite
	while [ $# -gt 0 ]; do
		case $1 in
		--flavour) flavour=${2:-} && shift ;;
		--refresh) refresh=1 ;;
		--list) list && exit 0 ;;
		-h | --help) usage && exit 0 ;;
		-*) die 2 "unknown option '$1', see --help" ;;
		*) break ;;
		esac
		shift
	done
	[[ $# = 1 && $flavour =~ ^(cloud|generic)$ ]] || { usage >&2 && exit 2; }
	version=$1
	dest=$cache/kernels/$version
	[ "$flavour" = cloud ] || dest=$dest-generic
	suites_of "$version" >/dev/null
	mkdir -p "$cache/kernels"
	exec 8>"$cache/kernels/.lock"
	flock 8
	trap 'rm -rf "$unpack"' EXIT
	if [ -z "$refresh" ] && [ -f "$dest/release" ]; then
		echo "$dest"
		exit 0
	fi
	for suite in $(suites_of "$version"); do
		echo "guest-kernel: fetching $version ($flavour) from $suite" >&2
		fetch_from "$suite" "$dest" && echo "$dest" && exit 0
		echo "guest-kernel: not from $suite, see $cache/apt/$suite/log" >&2
	done
	die 69 "no kernel $version on this machine's mirror"
}

main "$@"
