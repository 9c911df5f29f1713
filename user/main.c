// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include "alert/sender.h"
#include "cli/cli.h"
#include "guest/worker.h"
#include "web/face.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], GUEST_WORKER_ARG) == 0)
		return guest_worker_main();
	if (argc == 2 && strcmp(argv[1], SENDER_ARGUMENT) == 0)
		return sender_main();
	if (web_face_wanted(argc, argv))
		return web_face_main();
	return cli_main(argc, argv, stdout, stderr);
}
