/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM is short of, how much, who or what causes it and what to do: a table of rules, each a
 * pure function over the evidence.
 */
#ifndef KVMLENS_WHY_WHY_H
#define KVMLENS_WHY_WHY_H

#include "why/evidence.h"

enum why_topic {
	WHY_STALL,
	WHY_CPU,
	WHY_MEMORY,
	WHY_DISK,
	WHY_NETWORK,
	WHY_GUEST,
	WHY_HISTORY,
	WHY_TOPICS,
};

#define WHY_TEXT_MAX 384
#define WHY_WHO_MAX 512
#define WHY_LINES_MAX 10 /* of what an operator gets to read */

struct why_finding {
	const struct why_rule *rule;
	double weight; /* the greater the worse: about percent of its time that the VM loses */
	double amount; /* in the rule's unit */
	char what[WHY_TEXT_MAX]; /* one line, clean but for names */
	/* vm:NAME, cgroup:PATH, host:CLASS, a disk ...; all of like size; "": nobody */
	char who[WHY_WHO_MAX];
};

struct why_rule {
	const char *id; /* cpu.neighbour */
	enum why_topic topic;
	const char *unit;
	const char *condition; /* when it applies, in words with its numbers */
	const char *advice; /* what to do, an imperative */
	/* False: it does not apply, or what it judges by is not known. */
	bool (*apply)(const struct evidence *evidence, struct why_finding *ret_finding);
};

extern const struct why_rule why_rules[];
extern const size_t n_why_rules;

/* The rule of that id, NULL. */
const struct why_rule *why_rule_find(const char *id);

/* Apply one rule; false: it says nothing. */
bool why_apply(const struct why_rule *rule, const struct evidence *evidence,
	       struct why_finding *ret_finding);

/* All findings, worst first. Array of struct why_finding. */
GArray *why_judge(const struct evidence *evidence);

/* "CPU", "its own guest": what the VM is short of. */
const char *why_topic_name(enum why_topic topic);

/* The whole in a few words: "short of CPU", "nothing wrong". */
const char *why_verdict(const GArray *findings);

/*
 * The findings as lines, at most WHY_LINES_MAX; source says where the evidence is from. Array of
 * char *, freed by g_ptr_array_unref.
 */
GPtrArray *why_lines(const struct evidence *evidence, const GArray *findings, const char *source);

#endif
