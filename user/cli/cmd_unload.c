// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "cli/command.h"
#include "probe/probe.h"

enum exit_code cmd_unload(struct cli *cli)
{
	int err = probe_unload(PROBE_PIN_DIR);

	switch (err) {
	case 0:
		fputs("removed " PROBE_PIN_DIR "\n", cli->out);
		return EXIT_DONE;
	case -ENOENT:
		fputs("nothing to remove\n", cli->out);
		return EXIT_DONE;
	case -EBUSY:
		cli_error(cli,
			  "unload: an agent is running and owns " PROBE_PIN_DIR "; stop it first");
		return EXIT_BUSY;
	case -EPERM:
	case -EACCES:
		cli_error(cli, "unload: " PROBE_PIN_DIR ": not permitted; run it as root: sudo "
			       "kvmlens unload");
		return EXIT_NOT_PERMITTED;
	default:
		cli_error(cli, "unload: " PROBE_PIN_DIR ": %s", strerror(-err));
		return EXIT_FAILED;
	}
}
