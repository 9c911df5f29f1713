/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Histograms of 24 buckets, each bound twice the one before. */
#ifndef KVMLENS_HIST_BPF_H
#define KVMLENS_HIST_BPF_H

/* Index of the first of 24 buckets whose bound 2^(shift + i) is not below ns. */
static __always_inline __u32 hist_bucket(__u64 ns, __u32 shift)
{
	__u64 v = ns ? (ns - 1) >> shift : 0;
	__u32 i = 0;

	if (v >> 22)
		return 23;
	if (v >> 16) {
		v >>= 16;
		i += 16;
	}
	if (v >> 8) {
		v >>= 8;
		i += 8;
	}
	if (v >> 4) {
		v >>= 4;
		i += 4;
	}
	if (v >> 2) {
		v >>= 2;
		i += 2;
	}
	return i + (v > 1 ? 2 : v);
}

#endif
