/* SPDX-License-Identifier: Apache-2.0 */
/* What works on this host: findings that doctor prints, each gathered by a check of its own. */
#ifndef KVMLENS_CLI_DOCTOR_H
#define KVMLENS_CLI_DOCTOR_H

#include <glib.h>
#include <stdbool.h>
#include "config/config.h"

enum finding_state {
	FINDING_OK,
	FINDING_OFF, /* not there, and not missed */
	FINDING_NO, /* something is reduced */
	FINDING_FATAL, /* nothing useful can run */
};

struct finding {
	enum finding_state state;
	char *name, *what; /* what it gives, or what was found */
	char *why; /* of anything but ok, NULL */
	char *remedy; /* what to do, NULL */
};

/* Paths, so that a test can hand in others. */
struct doctor_paths {
	const char *btf, *bpffs, *kvm, *proc, *pins;
};

extern const struct doctor_paths doctor_paths_here;

struct doctor {
	const struct config *config;
	const struct doctor_paths *paths;
	GArray *findings; /* struct finding */
	bool rights, schedstat, agent; /* there, there, running */
};

struct doctor *doctor_new(const struct config *config, const struct doctor_paths *paths);
void doctor_free(struct doctor *doctor);

/* Strings are copied; why and remedy may be NULL. */
void doctor_add(struct doctor *doctor, enum finding_state state, const char *name, const char *what,
		const char *why, const char *remedy);

/* Rights, kernel, BTF, bpffs, /dev/kvm, schedstat, pins, the listen address. */
void doctor_check_host(struct doctor *doctor);

/*
 * BPF programs, by loading them privately; after doctor_check_host. Without the rights for it,
 * nothing is added.
 */
void doctor_check_features(struct doctor *doctor);

/* The providers that the configuration names, each given timeout_ms to answer. */
void doctor_check_providers(struct doctor *doctor, unsigned timeout_ms);

/* The worst state found. */
enum finding_state doctor_verdict(const struct doctor *doctor);

#endif
