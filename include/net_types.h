/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ABI between bpf/net.bpf.c and user space. Counters are cumulative. Directions are the guest's:
 * what a tap transmits the guest receives.
 */
#ifndef KVMLENS_NET_TYPES_H
#define KVMLENS_NET_TYPES_H

#include <linux/bpf.h>
#include <linux/types.h>

/* Bumped on any change of a layout in this file; decides whether pinned maps may be adopted. */
#define NET_ABI_VERSION 1

#define NET_TAPS_MAX 2048
#define NET_DROPS_MAX 16384

/* An interface: its index and the inode of its network namespace. */
struct net_key {
	__u32 ifindex;
	__u32 netns;
};

enum net_direction { NET_RX, NET_TX, NET_DIRECTIONS };

/* Packets by size, as RMON counts them; the last one is what only offloads can make. */
#define NET_SIZES 8
#define NET_SIZE_BOUNDS                             \
	{                                           \
		64, 127, 255, 511, 1023, 1518, 9018 \
	}

/* Time is cut into windows of these lengths, aligned to CLOCK_MONOTONIC. */
enum net_window { NET_WINDOW_1MS, NET_WINDOW_10MS, NET_WINDOWS };

struct net_flow {
	__u64 packets;
	__u64 bytes;
	__u64 sizes[NET_SIZES];
	__u64 number[NET_WINDOWS]; /* of the window that is being filled */
	__u64 filled[NET_WINDOWS]; /* bytes in it */
	__u64 peak[NET_WINDOWS]; /* most bytes in any window of this epoch */
	__u64 peak_before[NET_WINDOWS]; /* and of the epoch before */
};

/* Map "net_taps". User space makes and deletes entries; hooks of the tap fill them. */
struct net_tap {
	struct bpf_spin_lock lock;
	__u32 made_clsact; /* written by user space: the queueing discipline is ours */
	__u64 epoch;
	struct net_flow flow[NET_DIRECTIONS];
};

/* Map "net_control", one entry, written by user space. */
struct net_control {
	__u64 epoch; /* grows by one each time the peaks are read */
	__u32 netns; /* of the taps that are hooked */
	__u32 pad;
};

/* Map "net_drops": hash to __u64; made by kfree_skb for taps of map "net_watched". */
struct net_drop {
	struct net_key tap;
	__u32 reason; /* of this kernel's enum skb_drop_reason */
	__u32 pad;
};

enum net_lost { NET_LOST_DROPS, NET_LOST_MAX };

#ifdef __STDC_VERSION__
_Static_assert(sizeof(struct net_flow) == 8 * (2 + NET_SIZES + 4 * NET_WINDOWS),
	       "net_flow is part of the ABI");
_Static_assert(sizeof(struct net_tap) == 16 + 2 * sizeof(struct net_flow),
	       "net_tap is part of the ABI");
#endif

#endif
