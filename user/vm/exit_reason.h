/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the hardware's exit codes. */
#ifndef KVMLENS_VM_EXIT_REASON_H
#define KVMLENS_VM_EXIT_REASON_H

#include <stddef.h>
#include <stdint.h>

enum exit_isa { EXIT_ISA_UNKNOWN, EXIT_ISA_VMX, EXIT_ISA_SVM, EXIT_ISA_ARM64 };

/* Which codes this host's KVM uses, by the CPU's vendor. */
enum exit_isa exit_reason_isa(void);

/* The architecture manual's name in lower case, "code_N" for one that has none here. */
void exit_reason_name(enum exit_isa isa, uint32_t code, char *ret_name, size_t size);

#endif
