// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

#include <errno.h>

static const char *const meanings[EXIT_CODE_MAX] = {
	[EXIT_DONE] = "it did what was asked",
	[EXIT_FAILED] = "something failed; the message says what",
	[EXIT_USAGE] = "the command line is wrong",
	[EXIT_CONFIG] = "the configuration file is wrong or cannot be read",
	[EXIT_NOT_PERMITTED] = "not permitted: it needs root, or the rights that doctor lists",
	[EXIT_NOTHING_USEFUL] = "nothing useful can run on this host",
	[EXIT_NO_SUCH_VM] = "no VM has that name",
	[EXIT_LIMIT] = "a limit of descriptors, threads or memory is too low to run",
	[EXIT_BUSY] = "the address is in use, or another kvmlens is running",
};

const char *exit_code_meaning(enum exit_code code)
{
	return meanings[code];
}

enum exit_code exit_code_of(int err)
{
	switch (err) {
	case 0:
		return EXIT_DONE;
	case -EPERM:
	case -EACCES:
		return EXIT_NOT_PERMITTED;
	case -EBUSY:
	case -EADDRINUSE:
		return EXIT_BUSY;
	case -ENOTSUP:
		return EXIT_NOTHING_USEFUL;
	case -EMFILE:
	case -ENFILE:
	case -EAGAIN:
	case -ENOMEM:
		return EXIT_LIMIT;
	default:
		return EXIT_FAILED;
	}
}
