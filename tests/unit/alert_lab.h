/* SPDX-License-Identifier: Apache-2.0 */
/* An alert engine fed with values that a test chooses. */
#ifndef KVMLENS_TESTS_ALERT_LAB_H
#define KVMLENS_TESTS_ALERT_LAB_H

#include "alert/engine.h"
#include "config/config.h"

#define LAB_START_MS INT64_C(1700000000000)

struct alert_lab {
	struct config *config;
	struct alert_rules *rules;
	struct alert_engine *engine;
	GPtrArray *events; /* struct alert_event *, of the last step */
	struct silences *silences; /* NULL: none */
	int64_t now_ms;
	uint64_t mono_ns; /* of the next step; 0: the wall clock alone is looked at */
};

/* Rules as YAML text, without default ones; a mistake ends the test. */
void lab_init(struct alert_lab *lab, const char *yaml);
void lab_clear(struct alert_lab *lab);

/* Other rules from now on. */
void lab_set_rules(struct alert_lab *lab, const char *yaml);

/*
 * VMs vm-0000, vm-0001, ... with these ready times, NAN: unknown, at the lab's time, which is
 * then moved on. Returns the number of events.
 */
guint lab_step(struct alert_lab *lab, const double *ready, unsigned n, int64_t then_ms);

/* The i-th event of the last step. */
const struct alert_event *lab_event(const struct alert_lab *lab, guint i);

#endif
