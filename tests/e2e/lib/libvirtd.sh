# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A libvirtd of a test's own, sourced by tests: nothing of the machine's libvirt is read or
# changed, and several may run side by side. Needs BUILD and root.
#
#   libvirtd_start DIR   private state below DIR; sets LIBVIRT_URI and LIBVIRTD_PID. Optional, set
#                        before: LIBVIRTD_NET=host stays in this network namespace, else it has
#                        one of its own; LIBVIRTD_QEMU_CONF more lines of qemu.conf
#   libvirtd_in CMD...   run CMD in libvirtd's namespaces, where its taps are
#   libvirtd_restart     end libvirtd alone, domains go on, and start it again
#   libvirtd_stop        destroy the domains, end libvirtd
#   virsh_ ARGS...       virsh on it

libvirtd_config() {
	local dir=$1
	mkdir -p "$dir"/{etc,run,lib,cache,log,sock}
	[ -d "$dir/etc/libvirt" ] || cp -a /etc/libvirt "$dir/etc/"
	# Which of them the package makes differs.
	[ ! -d /var/lib/libvirt ] || [ -d "$dir/lib/libvirt" ] || cp -a /var/lib/libvirt "$dir/lib/"
	mkdir -p "$dir"/{etc,lib,run,cache,log}/libvirt
	cat >"$dir/etc/libvirt/libvirtd.conf" <<-END
		unix_sock_dir = "$dir/sock"
		auth_unix_ro = "none"
		auth_unix_rw = "none"
		unix_sock_group = "root"
		host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
		log_outputs = "3:file:$dir/log/libvirtd.log"
	END
	cat >"$dir/etc/libvirt/qemu.conf" <<-END
		user = "root"
		group = "root"
		dynamic_ownership = 0
		remember_owner = 0
		security_driver = "none"
		stdio_handler = "file"
		${LIBVIRTD_QEMU_CONF:-}
	END
}

# libvirtd does not start without the user that a package makes which is not needed otherwise.
libvirtd_user() {
	local dir=$1
	getent passwd libvirt-qemu >/dev/null && getent group libvirt-qemu >/dev/null && return
	{ grep -v '^libvirt-qemu:' /etc/passwd
		echo 'libvirt-qemu:x:64055:64055:Libvirt Qemu:/nonexistent:/usr/sbin/nologin'; } >"$dir/etc/passwd"
	{ grep -v '^libvirt-qemu:' /etc/group
		echo 'libvirt-qemu:x:64055:'; } >"$dir/etc/group"
}

# The mounts are what keeps libvirtd from the machine's own state.
libvirtd_launch() {
	local dir=$LIBVIRTD_DIR net=(--net)
	[ "${LIBVIRTD_NET:-}" != host ] || net=()
	# In a running network namespace, a restart goes back to it.
	[ -z "${LIBVIRTD_NS:-}" ] || net=()
	# shellcheck disable=SC2016 # for the inner shell
	set -- unshare --mount --propagation private "${net[@]}" bash -c '
		mkdir -p /run/libvirt /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
		for pair in etc:/etc lib:/var/lib run:/run cache:/var/cache log:/var/log; do
			mount --bind "$1/${pair%%:*}/libvirt" "${pair#*:}/libvirt" || exit
		done
		for name in passwd group; do
			[ ! -e "$1/etc/$name" ] || mount --bind "$1/etc/$name" "/etc/$name" || exit
		done
		ip link set lo up
		exec libvirtd -f "$1/etc/libvirt/libvirtd.conf" -p "$1/libvirtd.pid"' libvirtd "$dir"
	[ -z "${LIBVIRTD_NS:-}" ] || set -- nsenter --net="$LIBVIRTD_NS" "$@"
	"$BUILD/tests/e2e/reap" "$@" >>"$dir/log/libvirtd.out" 2>&1 &
	LIBVIRTD_REAPER=$!
}

libvirtd_wait() {
	local i
	for i in $(seq 150); do
		LIBVIRTD_PID=$(cat "$LIBVIRTD_DIR/libvirtd.pid" 2>/dev/null) || LIBVIRTD_PID=
		[ -n "$LIBVIRTD_PID" ] && [ -S "$LIBVIRTD_DIR/sock/libvirt-sock" ] &&
			virsh_ version >/dev/null 2>&1 && return
		kill -0 "$LIBVIRTD_REAPER" 2>/dev/null || break
		sleep 0.2
	done
	echo "libvirtd did not start ($i):" >&2
	tail -n 20 "$LIBVIRTD_DIR"/log/libvirtd.* >&2
	return 1
}

libvirtd_start() {
	LIBVIRTD_DIR=$1
	LIBVIRT_URI="qemu:///system?socket=$LIBVIRTD_DIR/sock/libvirt-sock"
	libvirtd_config "$LIBVIRTD_DIR"
	libvirtd_user "$LIBVIRTD_DIR"
	libvirtd_launch
	libvirtd_wait
}

# The reaper stays while domains run; libvirtd itself is what is ended.
libvirtd_restart() {
	LIBVIRTD_NS=
	[ "${LIBVIRTD_NET:-}" = host ] || {
		touch "$LIBVIRTD_DIR/netns"
		mount --bind "/proc/$LIBVIRTD_PID/ns/net" "$LIBVIRTD_DIR/netns"
		LIBVIRTD_NS=$LIBVIRTD_DIR/netns
	}
	kill "$LIBVIRTD_PID"
	while kill -0 "$LIBVIRTD_PID" 2>/dev/null; do sleep 0.1; done
	rm -f "$LIBVIRTD_DIR/libvirtd.pid"
	libvirtd_launch
	libvirtd_wait
}

libvirtd_in() {
	nsenter --target "$LIBVIRTD_PID" --mount --net -- "$@"
}

virsh_() {
	virsh -q -c "$LIBVIRT_URI" "$@"
}

libvirtd_stop() {
	local name
	[ -n "${LIBVIRTD_PID:-}" ] || return 0
	for name in $(timeout 10 virsh -q -c "$LIBVIRT_URI" list --name); do
		timeout 20 virsh -q -c "$LIBVIRT_URI" destroy "$name" >/dev/null || true
	done
	kill "$LIBVIRTD_PID" 2>/dev/null || true
	wait "$LIBVIRTD_REAPER" 2>/dev/null || true
	[ -z "${LIBVIRTD_NS:-}" ] || umount "$LIBVIRTD_NS" || true
	LIBVIRTD_PID='' LIBVIRTD_NS=''
}
