/* SPDX-License-Identifier: Apache-2.0 */
/* The screen of one VM: what it is short of, who takes it, stalls, and what runs in the guest. */
#ifndef KVMLENS_TUI_VM_SCREEN_H
#define KVMLENS_TUI_VM_SCREEN_H

#include "tui/view.h"

extern const struct screen_ops screen_vm;

/* Show this VM from now on. */
void vm_screen_open(struct view *view, const struct snap_vm *vm);

/* Take up the view's new snapshot; a VM that is gone closes the screen. */
void vm_screen_update(struct view *view);

#endif
