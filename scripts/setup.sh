#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Install the Debian packages of the given sections of packages.txt (default: all of them).
# Asks nothing, starts no service, does nothing when nothing is missing.
set -euo pipefail

list=$(dirname "$(readlink -f "$0")")/packages.txt
policy=/usr/sbin/policy-rc.d
apt_options=(-o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)

die() {
	echo "setup: $*" >&2
	exit 1
}

# Print the package names of the sections given.
wanted() {
	awk -v sections=" $* " '
		/^[ \t]*(#|$)/ { next }
		/^\[/ { gsub(/[][]/, ""); use = (sections == "  " || index(sections, " " $1 " ")); next }
		use { print $1 }' "$list" | sort -u
}

# Of the names on standard input, print those that are not installed.
missing() {
	local installed
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
	grep -vxF -f <(echo "$installed") || true
}

# Keep the packages' services from starting, now and at the next boot.
block_services() {
	[ -e "$policy" ] && return
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

disable_services() {
	local units
	command -v systemctl >/dev/null || return 0
	units=$(dpkg -L "$@" | sed -n 's:^.*/systemd/system/\([^/@]*\.\(service\|socket\|timer\)\)$:\1:p')
	[ -z "$units" ] || systemctl disable --quiet $units 2>/dev/null || true
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get "${apt_options[@]}" -qq -y \
		--no-install-recommends install "$@" </dev/null
}

apt_update() {
	apt-get "${apt_options[@]}" -qq update </dev/null
}

have_candidates() {
	local known
	known=$(apt-cache policy "$@" | grep -c '^  Candidate: [^(]' || true)
	[ "$known" -eq $# ]
}

install_missing() {
	local log
	log=$(mktemp)
	echo "setup: installing $*"
	have_candidates "$@" || apt_update >"$log" 2>&1 || true
	# A package list from last week names files that the mirror no longer has.
	if ! apt_install "$@" >"$log" 2>&1 &&
		! { apt_update && apt_install "$@"; } >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "apt-get could not install these packages; its last words are above"
	fi
	rm -f "$log"
	disable_services "$@"
}

for section; do
	grep -qxF "[$section]" "$list" || die "no section [$section] in $list"
done
command -v dpkg-query >/dev/null ||
	die "this is no Debian: install what corresponds to $list by hand, then run make all"
mapfile -t names < <(wanted "$@" | missing)
[ ${#names[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null && sudo -n true 2>/dev/null ||
		die "missing: ${names[*]}. Run this as root: sudo make setup"
	exec sudo -n "$0" "$@"
fi
block_services
install_missing "${names[@]}"
