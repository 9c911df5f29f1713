/* SPDX-License-Identifier: Apache-2.0 */
/* How kvmlens ends, as --help and the documentation list it. */
#ifndef KVMLENS_CLI_EXIT_CODE_H
#define KVMLENS_CLI_EXIT_CODE_H

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3,
	EXIT_NOT_PERMITTED = 4,
	EXIT_NOTHING_USEFUL = 5,
	EXIT_NO_SUCH_VM = 6,
	EXIT_BUSY = 7,
	EXIT_LIMIT = 8,
	EXIT_CODE_MAX,
};

/* What a code means, in a few words. */
const char *exit_code_meaning(enum exit_code code);

/* The code for a negative errno that ended a command; 0 is EXIT_DONE. */
enum exit_code exit_code_of(int err);

#endif
