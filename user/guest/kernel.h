/* SPDX-License-Identifier: Apache-2.0 */
/* Find a guest's Linux kernel in its RAM and learn where everything lies. Done once a boot. */
#ifndef KVMLENS_GUEST_KERNEL_H
#define KVMLENS_GUEST_KERNEL_H

#include "guest/layout.h"
#include "guest/space.h"
#include "metric/guest_view.h"
#include "util/bounds.h"

#define KERNEL_SYMBOLS(S)                     \
	S(TEXT, "_text")                      \
	S(END, "_end")                        \
	S(INIT_TASK, "init_task")             \
	S(TOP_PGT, "init_top_pgt")            \
	S(PAGE_OFFSET, "page_offset_base")    \
	S(PHYS_BASE, "phys_base")             \
	S(BANNER, "linux_banner")             \
	S(START_BTF, "__start_BTF")           \
	S(STOP_BTF, "__stop_BTF")             \
	S(MAX_PFN, "max_pfn")                 \
	S(SME_MASK, "sme_me_mask")            \
	S(ZONE_STAT, "vm_zone_stat")          \
	S(NODE_STAT, "vm_node_stat")          \
	S(TOTALRAM, "_totalram_pages")        \
	S(TOTALRESERVE, "totalreserve_pages") \
	S(TOTAL_SWAP, "total_swap_pages")     \
	S(FREE_SWAP, "nr_swap_pages")         \
	S(PERCPU_OFFSET, "__per_cpu_offset")  \
	S(NR_CPU_IDS, "nr_cpu_ids")           \
	S(ONLINE_MASK, "__cpu_online_mask")   \
	S(AVENRUN, "avenrun")                 \
	S(UTS_NS, "init_uts_ns")              \
	S(CPUSTAT, "kernel_cpustat")          \
	S(TICK_ACTIVE, "tick_nohz_active")    \
	S(TICK_SCHED, "tick_cpu_sched")       \
	S(RUNQUEUES, "runqueues")             \
	S(EVENTS, "vm_event_states")          \
	S(NODE_DATA, "node_data")             \
	S(NR_NODES, "nr_node_ids")            \
	S(TK_CORE, "tk_core")                 \
	S(TK_DATA, "timekeeper_data")

enum kernel_symbol {
#define S(id, name) SYM_##id,
	KERNEL_SYMBOLS(S)
#undef S
		SYM_MAX,
};

/* Why a guest could not be read; the order is that of the steps. */
enum guest_status {
	GUEST_OK,
	GUEST_NO_RAM, /* no block of memory that may be guest RAM */
	GUEST_ENCRYPTED, /* its memory is hidden or looks like noise: SEV, TDX */
	GUEST_WINDOWS, /* another system's programs, and no Linux */
	GUEST_PLAIN_LINUX, /* a Linux kernel without BTF */
	GUEST_NO_BTF, /* nothing that looks like a Linux kernel with BTF */
	GUEST_BAD_BTF, /* only remains of one: still booting, or an older boot's */
	GUEST_NO_SYMBOLS, /* BTF, but no symbol table with data symbols near it */
	GUEST_NO_IMAGE, /* symbols, but they do not lead to a kernel image */
	GUEST_NO_TABLES, /* the page tables do not agree with the image */
	GUEST_STANDS, /* found, but its clock stands still: paused, or left behind by a reboot */
	GUEST_BUSY, /* the budget was used up, or the guest changed too fast */
	GUEST_IO, /* the VMM's memory could not be read: it has gone */
	GUEST_STATUS_MAX,
};

/* One line for people, without a trailing full stop. */
const char *guest_status_text(enum guest_status status);

/* CPU time of a process when it was last read. */
struct guest_ran {
	uint32_t pid, pad;
	uint64_t start_ns, runtime;
};

#define GUEST_RAN_MAX 4096u

/* The name of the cgroup behind a css_set, as of a round of guest_mem. */
struct guest_cgroup {
	uint64_t set; /* address; 0: empty */
	uint32_t generation, pad;
	char name[GUEST_CGROUP_LEN];
};

#define GUEST_CGROUPS_MAX 256u

struct guest_kernel {
	struct guest_mem *mem;
	struct guest_space space;
	struct layout layout;
	uint64_t symbol[SYM_MAX]; /* kernel virtual addresses; 0: this kernel has none */
	uint32_t cpus; /* nr_cpu_ids */
	uint64_t percpu[GUEST_CPUS_MAX]; /* offset of each CPU's copy */
	char banner[16];
	uint64_t btf_hva; /* where it was found: of two kernels at most one has it */
	struct guest_ran ran[GUEST_RAN_MAX]; /* by pid; written by task.c */
	struct guest_cgroup cgroups[GUEST_CGROUPS_MAX]; /* by address; written by cgroup.c */
};

/*
 * Find the kernel in mem. guessed: mem's map is one block of which only the place is known, to
 * be split around the hole below 4 GiB by what the kernel says; mem then gets the better map.
 * avoid: the btf_hva of a kernel to pass over, as a reboot may leave a whole one behind; or 0.
 * cache (NULL: none) spares work where the same kernel comes back. On failure the reason is
 * returned and kernel is undefined.
 */
enum guest_status guest_kernel_attach(struct guest_kernel *kernel, struct guest_mem *mem,
				      bool guessed, uint64_t avoid, struct layout_cache *cache);

/* Is it still the kernel that was found? False after a reboot, kexec or migration. */
bool guest_kernel_check(struct guest_kernel *kernel);

/* Read n bytes of a symbol. -ENOENT: there is no such symbol; else guest_space_read()'s. */
int guest_kernel_read(struct guest_kernel *kernel, enum kernel_symbol symbol, uint64_t offset,
		      void *buf, size_t n);

/* The address of cpu's copy of a per-CPU variable at va. */
static inline uint64_t guest_kernel_percpu(const struct guest_kernel *kernel, uint64_t va,
					   uint32_t cpu)
{
	return va + kernel->percpu[cpu];
}

#endif
