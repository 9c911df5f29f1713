/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest agent's replies, from bytes to values. Pure; every byte is hostile. What is not as it
 * should be is left out; -EINVAL: nothing is as it should be.
 */
#ifndef KVMLENS_GUEST_GA_REPLY_H
#define KVMLENS_GUEST_GA_REPLY_H

#include <jansson.h>
#include "guest/ga_result.h"

/* The commands that are used; guest-info says which of them the agent allows. */
enum ga_command {
	GA_FILE_OPEN,
	GA_FILE_READ,
	GA_FILE_CLOSE,
	GA_CPUSTATS,
	GA_FSINFO,
	GA_INTERFACES,
	GA_OSINFO,
	GA_EXEC,
	GA_EXEC_STATUS,
	GA_COMMANDS,
};

const char *ga_command_name(enum ga_command command);

/*
 * What a reply returns, to be given back with json_decref(). -EREMOTEIO: the agent says that the
 * command failed; -EPROTO, -EMSGSIZE: this is no reply.
 */
int ga_reply_parse(const char *text, size_t len, json_t **ret_value);

/* Of guest-info: a set of 1 << enum ga_command. */
int ga_reply_commands(const json_t *value, unsigned *ret_allowed);

/* A whole number that is not negative: a handle, a process id, the number of a sync. */
int ga_reply_number(const json_t *value, uint64_t *ret);

/* Of guest-file-read: at most max bytes. */
int ga_reply_file(const json_t *value, size_t max, GString *ret_data);

/* Of guest-exec-status: what was printed. -EAGAIN: it still runs; -EREMOTEIO: it failed. */
int ga_reply_exec(const json_t *value, size_t max, GString *ret_data);

/* Of guest-get-cpustats: the total, and an array of struct guest_cpu. */
int ga_reply_cpustats(const json_t *value, struct guest_cpu *total, GArray *cpus);

int ga_reply_fsinfo(const json_t *value, struct ga_result *result);
int ga_reply_interfaces(const json_t *value, struct ga_result *result);
int ga_reply_osinfo(const json_t *value, struct ga_result *result);

#endif
