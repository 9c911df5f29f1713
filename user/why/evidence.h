/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of one VM over some time: every metric of it and of its host, by name, summed up.
 * It is filled from snapshots or from the history alike, so that the rules need not know which.
 * A metric that is not there is NAN: nothing is judged by it.
 */
#ifndef KVMLENS_WHY_EVIDENCE_H
#define KVMLENS_WHY_EVIDENCE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "metric/metric.h"

struct evidence;

/* name and uuid of the VM, for messages. */
struct evidence *evidence_new(const char *name, const char *uuid);
void evidence_free(struct evidence *evidence);
const char *evidence_vm(const struct evidence *evidence);
const char *evidence_uuid(const struct evidence *evidence);

/*
 * A value at a time, times ascending for each series. labels as the text formats write them,
 * without vm and uuid: by="vm:x". Of a metric that was replaced by another of that name, none.
 */
void evidence_add(struct evidence *evidence, const struct metric *metric, const char *labels,
		  int64_t time_ms, double value);

/* All values of a VM and its host in a snapshot. */
void evidence_add_snapshot(struct evidence *evidence, const struct kvmlens_snapshot *snapshot,
			   const struct snap_vm *vm);

/*
 * What a look at the host says of somebody that the labels name, as "cgroup:/": the programs that
 * run there. Copied; NULL: nothing is known.
 */
void evidence_note(struct evidence *evidence, const char *who, const char *note);
const char *evidence_note_of(const struct evidence *evidence, const char *who);

/* The last part of it alone, where the begin of an incident is not diluted. Freed by the caller. */
struct evidence *evidence_tail(const struct evidence *evidence, int64_t ms);
/* How far apart its moments are; 0: there is but one. */
int64_t evidence_step_ms(const struct evidence *evidence);

/* From the first value to the last. */
double evidence_seconds(const struct evidence *evidence);
int64_t evidence_end_ms(const struct evidence *evidence);

/* Of the first series of a metric by its dotted name; NAN: there is none. */
double evidence_mean(const struct evidence *evidence, const char *metric);
double evidence_last(const struct evidence *evidence, const char *metric);
/* What a counter grew by; resets do not count. */
double evidence_gain(const struct evidence *evidence, const char *metric);

/* One series of a metric. */
struct evidence_part {
	char *label; /* the value of the label that was asked for */
	const char *labels; /* all of them, as text; the evidence's */
	double mean; /* of a gauge, over all times: where it was absent it was 0 */
	double peak, last, gain;
	bool current; /* last is of the last moment of all */
};

/*
 * The series of a metric, told apart by a label, greatest mean (of a counter: gain) first. Array
 * of struct evidence_part, freed with its strings by g_array_unref.
 */
GArray *evidence_parts(const struct evidence *evidence, const char *metric, const char *label);

/* The value of a label in such text, NULL: it has no such label. Freed by the caller. */
char *evidence_label(const char *labels, const char *label);

/* The gain of the part with this label; NAN: there is none. */
double evidence_part_gain(const struct evidence *evidence, const char *metric, const char *label,
			  const char *value);

#endif
