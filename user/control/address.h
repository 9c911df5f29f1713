/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVMLENS_CONTROL_ADDRESS_H
#define KVMLENS_CONTROL_ADDRESS_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The address of a socket at path. -ENAMETOOLONG. */
static inline int control_address(const char *path, struct sockaddr_un *ret_address)
{
	size_t len = strlen(path);

	if (len >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	memcpy(ret_address->sun_path, path, len + 1);
	return 0;
}

#endif
