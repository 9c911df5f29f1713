/* SPDX-License-Identifier: Apache-2.0 */
/* Give up, for good, what sending a message does not take. */
#ifndef KVMLENS_ALERT_SENDER_CONFINE_H
#define KVMLENS_ALERT_SENDER_CONFINE_H

/*
 * No descriptor but the socket and standard error, user nobody where we are root, no capability
 * and none to gain, limits on memory, files and descriptors, and no system call that executes,
 * looks into others or changes the system. Negative errno, and then the process must end.
 */
int sender_confine(void);

#endif
