/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work of the discovery thread: look at kernel, /proc and providers, remember what was found,
 * and turn it into an inventory. Used by one thread at a time.
 */
#ifndef KVMLENS_VM_SURVEY_H
#define KVMLENS_VM_SURVEY_H

#include "vm/discover.h"

struct survey;

struct survey *survey_new(const struct discover_config *config);
void survey_free(struct survey *survey);

/* Look at everything. */
void survey_all(struct survey *survey);

/* Ask the kernel anew, then look at single processes; those that are no known VM are ignored. */
void survey_kernel(struct survey *survey);
void survey_process(struct survey *survey, pid_t tgid);

/*
 * Is a change of this process looked at before the next full scan? Those of an ordinary owner are
 * not, who could make the host scan without an end.
 */
bool survey_follows(const struct survey *survey, pid_t tgid);

/* What is known, with one reference, without the threads that have left. */
struct inventory *survey_inventory(const struct survey *survey);

/*
 * Between begin and end, in which the tracker keeps the tick out: stop accounting what has left,
 * and make the inventory public.
 */
void survey_begin(struct survey *survey);
void survey_untrack(struct survey *survey);
void survey_end(struct survey *survey);

/* The inventory of a full scan is public. */
void survey_published(struct survey *survey);

const struct discover_health *survey_health(const struct survey *survey);

#endif
