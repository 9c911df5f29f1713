/* SPDX-License-Identifier: Apache-2.0 */
/* A question to the running agent, over its control socket. */
#ifndef KVMLENS_CLI_ASK_H
#define KVMLENS_CLI_ASK_H

#include <jansson.h>
#include "cli/command.h"

/*
 * Send a request (its reference is taken) and wait for the answer. Anything but EXIT_DONE: it was
 * said on cli->err what is wrong; else *ret_reply is the agent's object.
 */
enum exit_code ask_agent(struct cli *cli, json_t *request, json_t **ret_reply);

#endif
