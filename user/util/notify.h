/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the service manager how far we are: the protocol of sd_notify(3), without its library. */
#ifndef KVMLENS_UTIL_NOTIFY_H
#define KVMLENS_UTIL_NOTIFY_H

/*
 * Send "READY=1", "STOPPING=1", "RELOADING=1", "STATUS=..." and the like, with a newline between
 * several. Nothing happens, and 0 is returned, where no manager waits. Negative errno.
 */
int notify_manager(const char *state);

/* How often "WATCHDOG=1" is to be sent, in milliseconds, by the environment; 0: never. */
unsigned notify_watchdog_ms(void);

#endif
