/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's agent at the other end of a socket pair, sound or not. */
#ifndef KVMLENS_TESTS_FAKE_AGENT_H
#define KVMLENS_TESTS_FAKE_AGENT_H

#include "guest/ga_link.h"

enum fake_fault {
	FAKE_SOUND,
	FAKE_SILENT, /* as if it were not there */
	FAKE_STUCK, /* gets into step, then nothing more */
	FAKE_GARBAGE, /* bytes of any kind instead of a reply */
	FAKE_FLOOD, /* a reply of 100 MB */
	FAKE_BABBLE, /* 100 MB before it gets into step */
	FAKE_HALF, /* half a reply, and no more */
	FAKE_LATE, /* the reply comes after the deadline, in the next talk */
	FAKE_DEEP, /* a reply nested a million deep */
	FAKE_WIDE, /* a reply of a million members */
	FAKE_HANGUP, /* closes its end in the middle of a reply */
	FAKE_REFUSES, /* an error for every command but guest-info */
	FAKE_DISABLED, /* nothing but guest-get-fsinfo is allowed */
	FAKE_ENDLESS, /* a command that never ends */
	FAKE_UNREAD, /* opens files, and does not tell what is in them */
};

struct fake_agent {
	gint fault; /* enum fake_fault; may be changed while it talks */
	gint opens, asked; /* links opened, requests served */
	gint starts; /* commands started in the guest */
	gint ticks; /* what its clocks show; a tick more at each look */
	gint files; /* open in the guest */
	gint delay_ms; /* before each reply */
	gint owes; /* a reply of an earlier talk is still to come */
};

/* open() takes a struct fake_agent, or, for a pool, an array of them by the target's pid. */
extern const struct ga_link_ops fake_agent_ops;
extern const struct ga_link_ops fake_agents_ops;

#endif
