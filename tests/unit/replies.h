/* SPDX-License-Identifier: Apache-2.0 */
/* What real components have said, from tests/data, as the product reads it. */
#ifndef KVMLENS_TESTS_REPLIES_H
#define KVMLENS_TESTS_REPLIES_H

#include <jansson.h>
#include "vm/libvirt_stats.h"

/* tests/data/agent/NAME.json parsed; owned by the caller. Fails the test without it. */
json_t *replies_agent(const char *name);

/* The file that the agent's reply NAME carries, in place of what data has. */
void replies_agent_file(const char *name, GString *data);

/* virsh's "name=value" lines as statistics, by way of libvirt's typed parameters. meta may be NULL. */
struct kvmlens_vm_stats replies_domstats(const char *text, const struct libvirt_meta *meta);

/* A file of tests/data/libvirt, owned by the caller. */
char *replies_libvirt(const char *name);

#endif
