# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# domain_xml NAME [KEY=VALUE]...: a domain's XML on standard output, for guests made by
# scripts/guest-image.sh. Keys, with their defaults:
#   type=qemu         or kvm
#   uuid=             libvirt makes one
#   mem=256 vcpus=2   MiB; number, or CURRENT/MAXIMUM
#   kernel= initrd=   boot these; without a kernel the firmware finds nothing and idles
#   append=           more of the kernel's command line
#   disk=PATH         repeatable: PATH[,FORMAT[,IO]], as vda, vdb ...; IO native, threads, io_uring
#                     or thread (an IO thread of its own)
#   tap=NAME          repeatable: a tap that libvirt makes
#   agent=            1: a channel for the guest agent
#   serial=FILE       the console's output
#   balloon=1         period of balloon statistics in seconds
#   cputune=          XML to put in <cputune>: pinning
#   metadata=         XML to put in <metadata>
#   devices=          XML to put in <devices>

domain_devices() {
	local i=0 spec path format io letter net
	for spec in "${disks[@]}"; do
		IFS=, read -r path format io <<<"$spec"
		letter=$(printf '%b' "\\$(printf %o $((97 + i)))")
		i=$((i + 1))
		case ${io:-} in
		'') ;;
		thread) io="iothread='1'" ;;
		*) io="io='$io'" ;;
		esac
		cat <<-END
			<disk type='$([ -b "$path" ] && echo block || echo file)' device='disk'>
			  <driver name='qemu' type='${format:-raw}' cache='none' ${io:-}/>
			  <source $([ -b "$path" ] && echo dev || echo file)='$path'/>
			  <target dev='vd$letter' bus='virtio'/>
			</disk>
		END
	done
	i=0
	for net in "${taps[@]}"; do
		i=$((i + 1))
		cat <<-END
			<interface type='ethernet'>
			  <target dev='$net' managed='yes'/><model type='virtio'/>
			</interface>
		END
	done
	[ -z "${key[agent]}" ] || cat <<-END
		<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
	END
	[ -z "${key[serial]}" ] || cat <<-END
		<serial type='file'><source path='${key[serial]}'/><target port='0'/></serial>
	END
}

domain_xml() {
	local -A key=([type]=qemu [uuid]='' [mem]=256 [vcpus]=2 [kernel]='' [initrd]='' [append]=''
		[agent]='' [serial]='' [balloon]=1 [cputune]='' [metadata]='' [devices]='')
	local name=$1 disks=() taps=() pair
	shift
	for pair; do
		case $pair in
		disk=*) disks+=("${pair#*=}") ;;
		tap=*) taps+=("${pair#*=}") ;;
		*) key[${pair%%=*}]=${pair#*=} ;;
		esac
	done
	cat <<-END
		<domain type='${key[type]}'>
		<name>$name</name>
		${key[uuid]:+<uuid>${key[uuid]}</uuid>}
		<metadata>${key[metadata]}</metadata>
		<memory unit='MiB'>${key[mem]}</memory>
		<vcpu current='${key[vcpus]%%/*}'>${key[vcpus]##*/}</vcpu>
		<iothreads>1</iothreads>
		<cputune>${key[cputune]}</cputune>
		<os>
		  <type arch='x86_64' machine='pc'>hvm</type>
		  ${key[kernel]:+<kernel>${key[kernel]}</kernel><initrd>${key[initrd]}</initrd>}
		  ${key[kernel]:+<cmdline>console=ttyS0 quiet panic=-1 ${key[append]}</cmdline>}
		</os>
		<features><acpi/></features>
		<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
		<devices>
		<emulator>/usr/bin/qemu-system-x86_64</emulator>
		<controller type='usb' model='none'/>
		<memballoon model='virtio'><stats period='${key[balloon]}'/></memballoon>
		$(domain_devices)
		${key[devices]}
		</devices>
		</domain>
	END
}
