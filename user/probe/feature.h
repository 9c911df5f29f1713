/* SPDX-License-Identifier: Apache-2.0 */
/* What the running kernel lets us do, found by trying; filled once, printed by doctor. */
#ifndef KVMLENS_PROBE_FEATURE_H
#define KVMLENS_PROBE_FEATURE_H

#include <stdbool.h>

enum feature_id {
	FEATURE_BTF,
	FEATURE_BPFFS,
	FEATURE_PINNED,
	FEATURE_SCHED,
	FEATURE_SCHED_BTF,
	FEATURE_SCHED_INFO,
	FEATURE_BLAME,
	FEATURE_WAITING,
	FEATURE_THREAD_EVENTS,
	FEATURE_KVM_FILES,
	FEATURE_KVM_TIMES,
	FEATURE_KVM_REASONS,
	FEATURE_KVM_INJECT,
	FEATURE_NET_TAPS,
	FEATURE_NET_TCX,
	FEATURE_NET_DROPS,
	FEATURE_KVM_SLOTS,
	FEATURE_BLOCK,
	FEATURE_EXITS,
	FEATURE_MAX,
};

enum feature_state { FEATURE_UNTRIED, FEATURE_YES, FEATURE_NO, FEATURE_OFF };

struct feature {
	enum feature_state state;
	char why[192]; /* of a no: what the kernel said; of off: what switched it off */
};

struct features {
	struct feature f[FEATURE_MAX];
};

/* Static texts: short name as in the metric, what it gives, what one can do about a no. */
const char *feature_name(enum feature_id id);
const char *feature_purpose(enum feature_id id);
const char *feature_remedy(enum feature_id id);

void feature_yes(struct features *features, enum feature_id id);
void feature_no(struct features *features, enum feature_id id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void feature_off(struct features *features, enum feature_id id, const char *why);

#endif
