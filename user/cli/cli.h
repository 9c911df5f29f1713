/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to the subcommand's exit code. */
#ifndef KVMLENS_CLI_CLI_H
#define KVMLENS_CLI_CLI_H

#include <stdio.h>

/* Messages go to err, everything that was asked for to out. The value is enum exit_code. */
int cli_main(int argc, char **argv, FILE *out, FILE *err);

#endif
