// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "stats.h"
#include "vm.h"

#define MEM_SIZE 0x10000
#define CODE 0x1000
#define STOP_FLAG 0x2000
#define STACK_TOP 0x8000
#define IRET 0x0f00
#define NMI_IVT (2 * 4)
#define DONE_PORT 0xf4

/* Real-mode code; a count is in ecx. Each ends with a write to DONE_PORT. */
static const uint8_t code_io[] = {
	0xe6, 0x10, /* l: out 0x10, al */
	0x66, 0x49, /* dec ecx */
	0x75, 0xfa, /* jnz l */
	0xe6, DONE_PORT,
};
static const uint8_t code_mix[] = {
	0x66, 0xba,	 0xd0, 0x07, 0, 0, /* l: mov edx, 2000 */
	0x66, 0x4a, /* m: dec edx */
	0x75, 0xfc, /* jnz m */
	0xe6, 0x10, /* out 0x10, al */
	0x66, 0x49, /* dec ecx */
	0x75, 0xf0, /* jnz l */
	0xe6, DONE_PORT,
};
static const uint8_t code_hlt[] = {
	0xf4, /* l: hlt */
	0x66, 0x49, /* dec ecx */
	0x75, 0xfb, /* jnz l */
	0xe6, DONE_PORT,
};
static const uint8_t code_spin[] = {
	0x80, 0x3e,	 STOP_FLAG & 0xff, STOP_FLAG >> 8, 0, /* l: cmp byte [STOP_FLAG], 0 */
	0x74, 0xf9, /* je l */
	0xe6, DONE_PORT,
};

static void wait_done(struct mini *mini);
static void end_spin(struct mini *mini);
static void wake_halted(struct mini *mini);

static const struct routine {
	const char *name;
	const uint8_t *code;
	size_t size;
	void (*attend)(struct mini *mini); /* what the main thread does until all are done */
} routines[] = {
	{"io", code_io, sizeof(code_io), wait_done},
	{"mix", code_mix, sizeof(code_mix), wait_done},
	{"hlt", code_hlt, sizeof(code_hlt), wake_halted},
	{"spin", code_spin, sizeof(code_spin), end_spin},
};

static int try_ioctl(int fd, unsigned long request, void *arg, const char *what)
{
	int r = ioctl(fd, request, arg);

	if (r < 0)
		die("%s", what);
	return r;
}

static bool all_done(struct mini *mini)
{
	for (unsigned i = 0; i < mini->n; i++)
		if (mini->vcpu[i].generation != mini->generation)
			return false;
	return true;
}

static void wait_done(struct mini *mini)
{
	pthread_mutex_lock(&mini->lock);
	while (!all_done(mini))
		pthread_cond_wait(&mini->done, &mini->lock);
	pthread_mutex_unlock(&mini->lock);
}

static void end_spin(struct mini *mini)
{
	sleep_ns(mini->count * 1000000);
	__atomic_store_n(&mini->mem[STOP_FLAG], 1, __ATOMIC_SEQ_CST);
	wait_done(mini);
}

/* NMIs by way of an MSI: the vCPU's own ioctl would wait until it has left KVM_RUN. */
static void wake_halted(struct mini *mini)
{
	while (!all_done(mini)) {
		sleep_ns(1000000);
		for (unsigned i = 0; i < mini->n; i++) {
			struct kvm_msi msi = {.address_lo = 0xfee00000 | i << 12, .data = 4 << 8};

			if (mini->vcpu[i].generation != mini->generation)
				try_ioctl(mini->vm, KVM_SIGNAL_MSI, &msi, "KVM_SIGNAL_MSI");
		}
	}
}

static void set_registers(struct vcpu *vcpu, uint64_t count)
{
	struct kvm_regs regs = {
		.rip = CODE, .rcx = count, .rflags = 2, .rsp = STACK_TOP - vcpu->id * 256};

	try_ioctl(vcpu->fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

/* The last port write is still to be completed by the kernel before registers may be set. */
static void finish_exit(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	if (ioctl(vcpu->fd, KVM_RUN, 0) == 0 || errno != EINTR)
		die("KVM_RUN for the last exit, reason %u", vcpu->run->exit_reason);
	vcpu->run->immediate_exit = 0;
}

static void run_routine(struct vcpu *vcpu)
{
	set_registers(vcpu, vcpu->mini->count);
	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			die("KVM_RUN");
		}
		if (vcpu->run->exit_reason != KVM_EXIT_IO) {
			errno = EPROTO;
			die("unexpected exit %u", vcpu->run->exit_reason);
		}
		vcpu->pio++;
		if (vcpu->run->io.port == DONE_PORT)
			break;
	}
	if (vcpu->mini->routine->code == code_hlt)
		vcpu->hlt += vcpu->mini->count;
	finish_exit(vcpu);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot pin to CPU %d", cpu);
}

/* KVM looks for its local APIC only where one has been set. */
static void set_apic(struct vcpu *vcpu)
{
	struct kvm_lapic_state apic;

	try_ioctl(vcpu->fd, KVM_GET_LAPIC, &apic, "KVM_GET_LAPIC");
	try_ioctl(vcpu->fd, KVM_SET_LAPIC, &apic, "KVM_SET_LAPIC");
}

static void *vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;
	struct mini *mini = vcpu->mini;
	unsigned generation = 0;
	char name[16];

	snprintf(name, sizeof(name), "CPU %u/KVM", vcpu->id);
	pthread_setname_np(pthread_self(), name);
	if (vcpu->pin >= 0)
		pin(vcpu->pin);
	vcpu->born_ns = clock_ns(CLOCK_MONOTONIC);
	vcpu->tid = syscall(SYS_gettid);
	for (;;) {
		pthread_mutex_lock(&mini->lock);
		vcpu->generation = generation;
		pthread_cond_signal(&mini->done);
		while (mini->generation == generation)
			pthread_cond_wait(&mini->go, &mini->lock);
		generation = mini->generation;
		pthread_mutex_unlock(&mini->lock);
		run_routine(vcpu);
	}
	return NULL;
}

static void make_vcpu(struct mini *mini, int kvm, unsigned id)
{
	struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
	struct vcpu *vcpu = &mini->vcpu[id];
	struct kvm_sregs sregs;
	int size;

	vcpu->mini = mini;
	vcpu->id = id;
	vcpu->generation = ~0u;
	vcpu->fd = try_ioctl(mini->vm, KVM_CREATE_VCPU, (void *)(uintptr_t)id, "KVM_CREATE_VCPU");
	vcpu->stats_fd = mini_stats_open(vcpu->fd);
	size = try_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die("cannot map struct kvm_run");
	try_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	try_ioctl(vcpu->fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	try_ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable, "KVM_SET_MP_STATE");
	set_apic(vcpu);
	if (pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu))
		die("cannot start a thread");
}

void mini_start(struct mini *mini)
{
	struct kvm_userspace_memory_region region = {.memory_size = MEM_SIZE};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		die("/dev/kvm");
	mini->vm = try_ioctl(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	try_ioctl(mini->vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	mini->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mini->mem == MAP_FAILED)
		die("no memory");
	region.userspace_addr = (uintptr_t)mini->mem;
	try_ioctl(mini->vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	mini->mem[NMI_IVT] = IRET & 0xff;
	mini->mem[NMI_IVT + 1] = IRET >> 8;
	mini->mem[IRET] = 0xcf; /* iret */
	for (unsigned i = 0; i < mini->n; i++)
		make_vcpu(mini, kvm, i);
	wait_done(mini);
}

const struct routine *routine_find(const char *name)
{
	for (size_t i = 0; i < sizeof(routines) / sizeof(routines[0]); i++)
		if (!strcmp(routines[i].name, name))
			return &routines[i];
	return NULL;
}

void mini_run(struct mini *mini, const struct routine *routine, uint64_t count)
{
	memcpy(mini->mem + CODE, routine->code, routine->size);
	mini->mem[STOP_FLAG] = 0;
	mini->routine = routine;
	mini->count = count;
	pthread_mutex_lock(&mini->lock);
	mini->generation++;
	pthread_cond_broadcast(&mini->go);
	pthread_mutex_unlock(&mini->lock);
	routine->attend(mini);
}
