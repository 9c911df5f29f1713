#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Guest agents of a user: a link to a socket that root alone can reach in the place of its own, and
# sixteen that take 2.8 s for each answer. Nobody connects to the first; the age of another VM's
# values grows by one interval at most.
set -uo pipefail
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"
# shellcheck source=tests/e2e/lib/hostile.sh
. "$TOP/tests/e2e/lib/hostile.sh"
[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
if [ -z "${HOSTILE_PRIVATE:-}" ]; then
	HOSTILE_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
hostile_init
interval=2

port() { # the options of a QEMU with an agent's port on this socket
	echo "-chardev socket,id=ga,path=$1,server=on,wait=off -device virtserialport,chardev=ga,name=org.qemu.guest_agent.0"
}

# What counts who knocks at a socket of root's.
mkdir -m 700 "$DIR/secret"
python3 - "$DIR/secret/victim.sock" "$DIR/knocks" <<-'END' &
	import socket, sys
	listener = socket.socket(socket.AF_UNIX)
	listener.bind(sys.argv[1])
	listener.listen(8)
	while True:
	    client, _ = listener.accept()
	    open(sys.argv[2], "a").write("knock\n")
	    client.close()
END
pids+=($!)
until_true 10 test -S "$DIR/secret/victim.sock" || exit 1
ln -s "$DIR/secret/victim.sock" "$DIR/tmp/link.sock"
# shellcheck disable=SC2046 # words are wanted
fake linked -name linked $(port "$DIR/tmp/link.sock") || exit 1
linked=$FAKE_PID
# A VM of root's with an agent that answers at once.
mkdir "$DIR/root"
quick() {
	# shellcheck disable=SC2046 # words are wanted
	USER_ID=0 FAKE_AGENT=$DIR/root/ga.sock fake quick -name quick $(port "$DIR/root/ga.sock")
}
quick || exit 1
agent_start "$DIR/agent.log" --interval ${interval}s --provider proc --store none --guest-agent on || exit 1
up() { [ "$(value vm_source_up 'vm="quick"' 'source="guest_agent"')" = 1 ]; }
check "an agent that answers is heard" until_true 15 up

oldest() { # SECONDS: the oldest that its values are in that time
	local i age most=0
	for ((i = 0; i < $1 * 4; i++)); do
		age=$(value vm_source_age 'vm="quick"' 'source="guest_agent"')
		most=$(awk -v a="${age:-99}" -v b="$most" 'BEGIN {print (a > b ? a : b)}')
		sleep 0.2
	done
	echo "$most"
}
before=$(oldest 6)
for ((i = 0; i < 16; i++)); do
	# shellcheck disable=SC2046 # words are wanted
	USER_ID=0 FAKE_DELAY=2.8 FAKE_AGENT=$DIR/root/slow$i.sock fake "slow$i" -name "slow$i" $(port "$DIR/root/slow$i.sock") || exit 1
done
during=$(oldest 25)
echo "# age of the quick one: $before s, beside sixteen slow ones $during s"
check "sixteen slow ones make it older by one interval at most" \
	awk -v a="$before" -v b="$during" -v i=$interval 'BEGIN {exit !(b <= a + i + 0.5)}'
check "nobody has knocked at the socket of root's" test ! -e "$DIR/knocks"
refused() { [ "$(value kvmlens_refused_total "owner=\"$USER_ID\"" 'reason="socket"')" -ge 1 ]; }
check "the link is counted" until_true 10 refused
named() { [ "$(grep -c "owner: owner $USER_ID (uid $USER_ID), process $linked: does not listen" "$DIR/agent.log")" = 1 ]; }
check "and its process named once" named
finish
