// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include "vm/exit_reason.h"

/* "Hygo" of HygonGenuine, a licensed AMD design. */
#define HYGON_EBX 0x6f677948u

struct code {
	uint32_t code;
	const char *name;
};

/* Intel SDM volume 3, appendix C. */
static const struct code vmx[] = {
	{0, "exception_nmi"},
	{1, "external_interrupt"},
	{2, "triple_fault"},
	{3, "init_signal"},
	{4, "sipi_signal"},
	{7, "interrupt_window"},
	{8, "nmi_window"},
	{9, "task_switch"},
	{10, "cpuid"},
	{12, "hlt"},
	{13, "invd"},
	{14, "invlpg"},
	{15, "rdpmc"},
	{16, "rdtsc"},
	{18, "vmcall"},
	{19, "vmclear"},
	{20, "vmlaunch"},
	{21, "vmptrld"},
	{22, "vmptrst"},
	{23, "vmread"},
	{24, "vmresume"},
	{25, "vmwrite"},
	{26, "vmoff"},
	{27, "vmon"},
	{28, "cr_access"},
	{29, "dr_access"},
	{30, "io_instruction"},
	{31, "msr_read"},
	{32, "msr_write"},
	{33, "invalid_state"},
	{34, "msr_load_fail"},
	{36, "mwait"},
	{37, "monitor_trap_flag"},
	{39, "monitor"},
	{40, "pause"},
	{41, "mce_during_entry"},
	{43, "tpr_below"},
	{44, "apic_access"},
	{45, "eoi_induced"},
	{46, "gdtr_idtr"},
	{47, "ldtr_tr"},
	{48, "ept_violation"},
	{49, "ept_misconfig"},
	{50, "invept"},
	{51, "rdtscp"},
	{52, "preemption_timer"},
	{53, "invvpid"},
	{54, "wbinvd"},
	{55, "xsetbv"},
	{56, "apic_write"},
	{57, "rdrand"},
	{58, "invpcid"},
	{59, "vmfunc"},
	{60, "encls"},
	{61, "rdseed"},
	{62, "pml_full"},
	{63, "xsaves"},
	{64, "xrstors"},
	{67, "umwait"},
	{68, "tpause"},
	{74, "bus_lock"},
	{75, "notify"},
	{77, "tdcall"},
};

/* AMD APM volume 2, appendix C. */
static const struct code svm[] = {
	{0x60, "interrupt"},
	{0x61, "nmi"},
	{0x62, "smi"},
	{0x63, "init"},
	{0x64, "vintr"},
	{0x65, "cr0_sel_write"},
	{0x66, "idtr_read"},
	{0x67, "gdtr_read"},
	{0x68, "ldtr_read"},
	{0x69, "tr_read"},
	{0x6a, "idtr_write"},
	{0x6b, "gdtr_write"},
	{0x6c, "ldtr_write"},
	{0x6d, "tr_write"},
	{0x6e, "rdtsc"},
	{0x6f, "rdpmc"},
	{0x70, "pushf"},
	{0x71, "popf"},
	{0x72, "cpuid"},
	{0x73, "rsm"},
	{0x74, "iret"},
	{0x75, "software_int"},
	{0x76, "invd"},
	{0x77, "pause"},
	{0x78, "hlt"},
	{0x79, "invlpg"},
	{0x7a, "invlpga"},
	{0x7b, "ioio"},
	{0x7c, "msr"},
	{0x7d, "task_switch"},
	{0x7e, "ferr_freeze"},
	{0x7f, "shutdown"},
	{0x80, "vmrun"},
	{0x81, "vmmcall"},
	{0x82, "vmload"},
	{0x83, "vmsave"},
	{0x84, "stgi"},
	{0x85, "clgi"},
	{0x86, "skinit"},
	{0x87, "rdtscp"},
	{0x88, "icebp"},
	{0x89, "wbinvd"},
	{0x8a, "monitor"},
	{0x8b, "mwait"},
	{0x8c, "mwait_conditional"},
	{0x8d, "xsetbv"},
	{0x8e, "rdpru"},
	{0x8f, "efer_write_trap"},
	{0xa2, "invpcid"},
	{0xa5, "bus_lock"},
	{0x400, "npf"},
	{0x401, "avic_incomplete_ipi"},
	{0x402, "avic_unaccelerated_access"},
	{0x403, "vmgexit"},
};

/* Arm ARM, ESR_ELx.EC; 0 and 1 are KVM's own codes of an interrupt and a trap. */
static const struct code arm64[] = {
	{0, "irq"},
	{1, "serror"},
	{2, "trap"},
	{3, "il"},
};

static const struct {
	const struct code *codes;
	size_t n;
} tables[] = {
	[EXIT_ISA_VMX] = {vmx, sizeof(vmx) / sizeof(vmx[0])},
	[EXIT_ISA_SVM] = {svm, sizeof(svm) / sizeof(svm[0])},
	[EXIT_ISA_ARM64] = {arm64, sizeof(arm64) / sizeof(arm64[0])},
};

enum exit_isa exit_reason_isa(void)
{
#if defined(__x86_64__)
	unsigned eax, ebx, ecx, edx;

	if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx))
		return EXIT_ISA_UNKNOWN;
	if (ebx == signature_AMD_ebx || ebx == HYGON_EBX)
		return EXIT_ISA_SVM;
	return EXIT_ISA_VMX;
#elif defined(__aarch64__)
	return EXIT_ISA_ARM64;
#else
	return EXIT_ISA_UNKNOWN;
#endif
}

void exit_reason_name(enum exit_isa isa, uint32_t code, char *ret_name, size_t size)
{
	size_t i;

	for (i = 0; i < tables[isa].n; i++) {
		if (tables[isa].codes[i].code != code)
			continue;
		snprintf(ret_name, size, "%s", tables[isa].codes[i].name);
		return;
	}
	if (isa == EXIT_ISA_SVM && code >= 0x40 && code < 0x60)
		snprintf(ret_name, size, "exception_%u", code - 0x40);
	else if (isa == EXIT_ISA_SVM && code < 0x20)
		snprintf(ret_name, size, "%s_cr%u", code < 0x10 ? "read" : "write", code & 0xf);
	else if (isa == EXIT_ISA_SVM && code < 0x40)
		snprintf(ret_name, size, "%s_dr%u", code < 0x30 ? "read" : "write", code & 0xf);
	else
		snprintf(ret_name, size, "code_%u", code);
}
