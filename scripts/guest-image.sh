#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Build an initramfs for a test guest: busybox, kernel modules with what they depend on, programs
# with their libraries. It is not compressed: QEMU loads it at once, an emulated CPU unpacks slowly.
set -euo pipefail

usage() {
	cat <<'TEXT'
usage: guest-image.sh KIND --kernel DIR -o FILE [OPTION]...

KIND  plain     a Linux guest: busy loops, disks, a network card, told by its kernel command line
      host      an emulated KVM host that runs /test/main and powers off
      hostroot  an emulated KVM host whose root is this machine's, read-only, over 9p
--kernel DIR       a directory made by guest-kernel.sh
--agent            plain: with the QEMU guest agent, started where its channel is
--module NAME      one more module; "not there" is no error, it may be built in
--bin SRC[:DEST]   a program with its shared libraries; DEST is /bin/NAME
--file SRC:DEST    a file or a directory tree
Options but --agent may be repeated. What the command line of each KIND can say: see the
comments at the top of guest-init-KIND.sh.
TEXT
}

here=$(dirname "$(readlink -f "$0")")
declare -A loaded=()

die() {
	echo "guest-image: $*" >&2
	exit 1
}

# Modules that each kind loads at boot, in any order: dependencies are looked up.
modules_of() {
	case $1 in
	plain) echo virtio_pci virtio_blk virtio_net virtio_balloon virtio_console ;;
	host) echo kvm kvm-amd tun virtio_net loop ;;
	hostroot) echo virtio_pci 9pnet_virtio 9p overlay kvm kvm-amd tun loop ;;
	*) die "unknown kind '$1', see --help" ;;
	esac
}

# Line of modules.dep for a module, whatever its compression and its dashes are.
dep_line() {
	grep -m1 -E "(^|/)${1//[-_]/[-_]}\.ko(\.xz|\.zst)?:" "$moddir/modules.dep" || true
}

add_module() {
	local line path dep name
	line=$(dep_line "$1")
	[ -n "$line" ] || return 0
	path=${line%%:*}
	name=${path##*/}
	name=${name%%.ko*}
	[ -z "${loaded[$name]-}" ] || return 0
	loaded[$name]=1
	for dep in ${line#*:}; do
		dep=${dep##*/}
		add_module "${dep%%.ko*}"
	done
	case $path in
	*.xz) xz -dc "$moddir/$path" ;;
	*.zst) zstd -qdc "$moddir/$path" ;;
	*) cat "$moddir/$path" ;;
	esac >"$root/modules/$name.ko"
	echo "$name.ko" >>"$root/modules/order"
}

add_bin() {
	local src=${1%%:*} dest=/bin/${1##*/} lib
	[[ $1 != *:* ]] || dest=${1#*:}
	[ -x "$src" ] || die "no program $src"
	mkdir -p "$root${dest%/*}"
	rm -f "$root$dest"
	cp -L "$src" "$root$dest"
	while read -r lib; do
		[ ! -e "$root$lib" ] || continue
		mkdir -p "$root${lib%/*}"
		cp -L "$lib" "$root$lib"
	done < <(ldd "$src" 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*')
}

add_file() {
	local src=${1%%:*} dest=${1#*:}
	mkdir -p "$root$(dirname "$dest")"
	cp -aL "$src" "$root$dest"
}

skeleton() {
	local busybox applet
	busybox=$(command -v busybox) || die "busybox is missing: install busybox-static"
	! ldd "$busybox" >/dev/null 2>&1 || die "$busybox is not static: install busybox-static"
	mkdir -p "$root"/{bin,dev,proc,sys,run,tmp,etc,root,mnt,modules,var/run,usr,test}
	ln -s bin "$root/sbin"
	ln -s ../bin "$root/usr/bin"
	ln -s ../bin "$root/usr/sbin"
	ln -s /proc/mounts "$root/etc/mtab"
	for applet in $("$busybox" --list); do
		ln -s busybox "$root/bin/$applet" 2>/dev/null || true
	done
	rm -f "$root/bin/busybox"
	cp -L "$busybox" "$root/bin/busybox"
	: >"$root/modules/order"
	printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
}

main() {
	local kind=${1:-} kernel='' out='' agent='' item bins=() files=() extra=()
	case $kind in
	-h | --help) usage && exit 0 ;;
	'') usage >&2 && exit 2 ;;
	esac
	shift
	modules_of "$kind" >/dev/null
	while [ $# -gt 0 ]; do
		case $1 in
		--agent) agent=1 && shift && continue ;;
		--kernel) kernel=$2 ;;
		-o) out=$2 ;;
		--module) extra+=("$2") ;;
		--bin) bins+=("$2") ;;
		--file) files+=("$2") ;;
		*) die "unknown option '$1', see --help" ;;
		esac
		shift 2
	done
	[[ -n $kernel && -n $out ]] || die "--kernel and -o are needed, see --help"
	moddir=$kernel/lib/modules/$(cat "$kernel/release")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	skeleton
	install -m 755 "$here/guest-init-$kind.sh" "$root/init"
	install -m 644 "$here/guest-init-common.sh" "$root/etc/guest-common.sh"
	for item in $(modules_of "$kind") "${extra[@]}"; do add_module "$item"; done
	[ -z "$agent" ] || bins+=("$(command -v qemu-ga || echo qemu-ga)")
	for item in "${bins[@]}"; do add_bin "$item"; done
	for item in "${files[@]}"; do add_file "$item"; done
	mkdir -p "$(dirname "$out")"
	(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0) >"$out.tmp"
	mv "$out.tmp" "$out"
}

main "$@"
