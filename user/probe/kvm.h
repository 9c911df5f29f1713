/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the parts of kvm.bpf.c: the file iterator, and from detailed on the exit programs. */
#ifndef KVMLENS_PROBE_KVM_H
#define KVMLENS_PROBE_KVM_H

#include <glib.h>
#include "probe/feature.h"
#include "probe/object.h"
#include "probe/sched.h"
#include <kvm_types.h>

struct kvm;

/* sched may be NULL: then there is only the iterator. Never fails: see features. */
struct kvm *kvm_open(const struct pin *pin, struct sched *sched, bool adopt_maps,
		     struct features *features);
void kvm_close(struct kvm *kvm, bool keep_pins);

/* Attach what is wanted, take over pinned links when adopt_links, detach the rest. */
void kvm_attach(struct kvm *kvm, bool times, bool reasons, bool adopt_links,
		struct features *features);

/* See probe_scan_kvm(). */
int kvm_scan(struct kvm *kvm, GArray *found);

/* Mapped struct kvm_vcpu_times by slot; NULL: none. */
struct kvm_vcpu_times *kvm_times(struct kvm *kvm);
int kvm_reasons_fd(const struct kvm *kvm);
int kvm_lost_fd(const struct kvm *kvm);
uint64_t kvm_build(void);

#endif
