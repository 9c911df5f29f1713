// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets of the VMs' own taps. At detailed a hook on each tap, and on no other device, counts
 * sizes and the fullest millisecond; at diagnostic kfree_skb tells why packets of the taps were
 * dropped.
 */
#include "core_fixes.bpf.h"
#include <net_types.h>

#define NS_PER_MS 1000000

/* By tap; made and deleted by user space, filled here under the entry's lock. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NET_TAPS_MAX);
	__type(key, struct net_key);
	__type(value, struct net_tap);
} net_taps SEC(".maps");

/* Written by user space, read here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct net_control);
} net_control SEC(".maps");

/* Taps whose drops are wanted; made and deleted by user space, looked up here. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NET_TAPS_MAX);
	__type(key, struct net_key);
	__type(value, __u32);
} net_watched SEC(".maps");

/*
 * Drops by tap and reason. Made here, read and deleted by user space. A full map is counted in
 * net_lost. Preallocated: kfree_skb runs where the kernel must not allocate.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NET_DROPS_MAX);
	__type(key, struct net_drop);
	__type(value, __u64);
} net_drops SEC(".maps");

/* What found no room, by enum net_lost. Written here, read by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NET_LOST_MAX);
	__type(key, __u32);
	__type(value, __u64);
} net_lost SEC(".maps");

static __always_inline __u32 size_class(__u32 len)
{
	const __u32 bounds[] = NET_SIZE_BOUNDS;
	__u32 class = 0;

#pragma unroll
	for (int i = 0; i < NET_SIZES - 1; i++)
		class += len > bounds[i];
	return class;
}

static __always_inline void begin_epoch(struct net_flow *flow, bool next)
{
#pragma unroll
	for (int i = 0; i < NET_WINDOWS; i++) {
		flow->peak_before[i] = next ? flow->peak[i] : 0;
		flow->peak[i] = 0;
	}
}

static __always_inline void fill_window(struct net_flow *flow, int i, __u64 number, __u32 len)
{
	if (flow->number[i] != number) {
		flow->number[i] = number;
		flow->filled[i] = 0;
	}
	flow->filled[i] += len;
	if (flow->filled[i] > flow->peak[i])
		flow->peak[i] = flow->filled[i];
}

/* -1: the next program, or what the stack would do without any. */
static __always_inline int count(struct __sk_buff *skb, const int direction)
{
	__u32 zero = 0, len = skb->len, class = size_class(len);
	__u64 ms = bpf_ktime_get_ns() / NS_PER_MS, epoch;
	struct net_control *control = bpf_map_lookup_elem(&net_control, &zero);
	struct net_key key = {.ifindex = skb->ifindex};
	struct net_flow *flow;
	struct net_tap *tap;

	if (!control)
		return -1;
	key.netns = control->netns;
	epoch = control->epoch;
	tap = bpf_map_lookup_elem(&net_taps, &key);
	if (!tap)
		return -1;
	bpf_spin_lock(&tap->lock);
	if (tap->epoch != epoch) {
		begin_epoch(&tap->flow[NET_RX], tap->epoch + 1 == epoch);
		begin_epoch(&tap->flow[NET_TX], tap->epoch + 1 == epoch);
		tap->epoch = epoch;
	}
	flow = &tap->flow[direction];
	flow->packets++;
	flow->bytes += len;
	if (class < NET_SIZES)
		flow->sizes[class]++;
	fill_window(flow, NET_WINDOW_1MS, ms, len);
	fill_window(flow, NET_WINDOW_10MS, ms / 10, len);
	bpf_spin_unlock(&tap->lock);
	return -1;
}

SEC("tc")
int net_tap_ingress(struct __sk_buff *skb)
{
	return count(skb, NET_TX);
}

SEC("tc")
int net_tap_egress(struct __sk_buff *skb)
{
	return count(skb, NET_RX);
}

static __always_inline void count_drop(struct net_drop *drop)
{
	__u64 *count = bpf_map_lookup_elem(&net_drops, drop), none = 0;
	__u32 why = NET_LOST_DROPS;

	if (!count) {
		bpf_map_update_elem(&net_drops, drop, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&net_drops, drop);
	}
	if (count) {
		__sync_fetch_and_add(count, 1);
		return;
	}
	count = bpf_map_lookup_elem(&net_lost, &why);
	if (count)
		(*count)++;
}

/* A kernel whose tracepoint has no reason refuses this program. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(net_kfree_skb, struct sk_buff *skb, void *location, int reason)
{
	struct net_drop drop = {.reason = reason};
	struct net_device *dev;

	dev = skb->dev;
	if (!dev)
		return 0;
	drop.tap.ifindex = dev->ifindex;
	drop.tap.netns = device_netns(dev);
	if (bpf_map_lookup_elem(&net_watched, &drop.tap))
		count_drop(&drop);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
