/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf's messages, kept instead of printed: the reason of a "no" is in their last lines. */
#ifndef KVMLENS_PROBE_LOG_H
#define KVMLENS_PROBE_LOG_H

/* Collect on this thread from now on; what was collected before is forgotten. */
void probe_log_begin(void);

/* The most telling line since, without its newline; "" when there was none. */
const char *probe_log_reason(void);

#endif
