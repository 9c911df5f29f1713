/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator may ask of the running agent over its control socket: detail, reload, status. */
#ifndef KVMLENS_REMOTE_H
#define KVMLENS_REMOTE_H

#include "control/control.h"
#include "core/collector.h"

/* Read the configuration again, all or nothing. *ret_error is what is wrong with it. */
typedef int (*remote_reload_fn)(void *arg, char **ret_error);

struct remote {
	struct kvmlens_collector *collector;
	remote_reload_fn reload; /* NULL: this agent cannot */
	void *reload_arg;
};

/* Add the commands; remote must outlive control. */
void remote_add(struct control *control, struct remote *remote);

#endif
