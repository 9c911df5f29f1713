// SPDX-License-Identifier: Apache-2.0
/* What a command line says of a VM: QEMU's option syntax and those of other VMMs. */
#include <glib.h>
#include <string.h>
#include <CUnit/Basic.h>
#include "vm/vmm_cmdline.h"

#define UUID "af41286d-d1eb-49a2-b5ea-014e5b57a32a"

static struct vmm_cmdline parse(bool qemu, const char *const *argv)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	struct vmm_cmdline cmdline;

	for (; *argv; argv++)
		g_byte_array_append(bytes, (const guint8 *)*argv, strlen(*argv) + 1);
	vmm_cmdline_parse((const char *)bytes->data, bytes->len, qemu, &cmdline);
	return cmdline;
}

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define QEMU(...) parse(true, ARGV("/usr/bin/qemu-system-x86_64", __VA_ARGS__))

static void expect_name(struct vmm_cmdline cmdline, const char *name)
{
	CU_ASSERT_EQUAL(g_strcmp0(cmdline.name, name), 0);
	if (g_strcmp0(cmdline.name, name))
		printf("\n    name %s, not %s", cmdline.name, name);
	vmm_cmdline_clear(&cmdline);
}

static void test_name(void)
{
	expect_name(QEMU("-name", "guest=kb1,debug-threads=on", "-S"), "kb1");
	expect_name(QEMU("-name", "foo"), "foo");
	expect_name(QEMU("--name", "foo"), "foo");
	expect_name(QEMU("-name", "foo,debug-threads=on"), "foo");
	expect_name(QEMU("-name", "foo,process=bar"), "foo");
	expect_name(QEMU("-name", "process=bar,guest=foo"), "foo");
	expect_name(QEMU("-name", "process=bar"), NULL);
	expect_name(QEMU("-name", "a,,b"), "a,b");
	expect_name(QEMU("-name", "guest=a,,b,,,,c,debug-threads=on"), "a,b,,c");
	expect_name(QEMU("-name", "guest=,,,debug-threads=on"), ",");
	expect_name(QEMU("-name", "guest=a=b c\"\n'"), "a=b c\"\n'");
	expect_name(QEMU("-name", "guest=../../etc"), "../../etc");
	expect_name(QEMU("-name", "one", "-name", "two"), "two");
	expect_name(QEMU("-name", "guest=one,guest=two"), "two");
	expect_name(QEMU("-name", ""), NULL);
	expect_name(QEMU("-name", "guest="), NULL);
	expect_name(QEMU("-name"), NULL);
	expect_name(QEMU("-m", "64"), NULL);
	expect_name(parse(true, ARGV("qemu-system-x86_64")), NULL);
	expect_name(parse(true, (const char *const[]){NULL}), NULL);
}

static void test_name_lookalike(void)
{
	/* Arguments of other options are not options. */
	expect_name(QEMU("-append", "-name", "evil", "-name", "good"), "good");
	expect_name(QEMU("-name", "good", "-append", "-name", "x"), "good");
	expect_name(QEMU("-append", "console=ttyS0 -name evil"), NULL);
	/* After an option without an argument there comes another option. */
	expect_name(QEMU("-S", "-name", "good"), "good");
	expect_name(QEMU("-nodefaults", "-name", "good", "disk.img"), "good");
	expect_name(QEMU("disk.img", "-name", "good"), "good");
}

static void test_name_bounded(void)
{
	g_autofree char *longest = g_strnfill(100000, 'x');
	struct vmm_cmdline cmdline = QEMU("-name", longest);

	CU_ASSERT_EQUAL(strlen(cmdline.name), VMM_NAME_MAX);
	vmm_cmdline_clear(&cmdline);
}

static void expect_uuid(struct vmm_cmdline cmdline, const char *uuid)
{
	CU_ASSERT_STRING_EQUAL(cmdline.uuid, uuid);
	vmm_cmdline_clear(&cmdline);
}

static void test_uuid(void)
{
	expect_uuid(QEMU("-uuid", UUID), UUID);
	expect_uuid(QEMU("-uuid", "AF41286D-D1EB-49A2-B5EA-014E5B57A32A"), UUID);
	expect_uuid(QEMU("-uuid", "af41286dd1eb49a2b5ea014e5b57a32a"), "");
	expect_uuid(QEMU("-uuid", UUID "0"), "");
	expect_uuid(QEMU("-uuid", "af41286d-d1eb-49a2-b5ea-014e5b57a32"), "");
	expect_uuid(QEMU("-uuid", "xf41286d-d1eb-49a2-b5ea-014e5b57a32a"), "");
	expect_uuid(QEMU("-uuid", "af41286d-d1eb-49a2-b5ea_014e5b57a32a"), "");
	expect_uuid(QEMU("-uuid"), "");
}

static void expect_accel(struct vmm_cmdline cmdline, enum vmm_accel accel)
{
	CU_ASSERT_EQUAL(cmdline.accel, accel);
	vmm_cmdline_clear(&cmdline);
}

static void test_accel(void)
{
	expect_accel(QEMU("-accel", "kvm"), VMM_ACCEL_KVM);
	expect_accel(QEMU("-accel", "tcg,thread=multi"), VMM_ACCEL_TCG);
	expect_accel(QEMU("-accel", "accel=tcg"), VMM_ACCEL_TCG);
	expect_accel(QEMU("-machine", "pc,accel=kvm,usb=off"), VMM_ACCEL_KVM);
	expect_accel(QEMU("-machine", "q35", "-accel", "tcg"), VMM_ACCEL_TCG);
	expect_accel(QEMU("-M", "accel=tcg"), VMM_ACCEL_TCG);
	expect_accel(QEMU("-machine", "pc,accel=kvm:tcg"), VMM_ACCEL_UNKNOWN);
	expect_accel(QEMU("-enable-kvm", "-S"), VMM_ACCEL_KVM);
	expect_accel(QEMU("-S", "-m", "1"), VMM_ACCEL_UNKNOWN);
}

static void expect_no_machine(struct vmm_cmdline cmdline, bool expected)
{
	CU_ASSERT_EQUAL(cmdline.no_machine, expected);
	vmm_cmdline_clear(&cmdline);
}

static void test_no_machine(void)
{
	expect_no_machine(QEMU("-machine", "none,accel=kvm:tcg"), true);
	expect_no_machine(QEMU("-M", "none", "-S"), true);
	expect_no_machine(QEMU("-machine", "accel=kvm,type=none"), true);
	expect_no_machine(QEMU("-machine", "pc"), false);
	expect_no_machine(QEMU("-net", "none"), false);
}

static void test_other_vmms(void)
{
	expect_name(parse(false, ARGV("/usr/bin/firecracker", "--id", "f1", "--api-sock", "/s")),
		    "f1");
	expect_name(parse(false, ARGV("firecracker", "--id=f2", "--no-api")), "f2");
	expect_name(parse(false, ARGV("crosvm", "run", "--name", "c1")), "c1");
	expect_name(parse(false, ARGV("cloud-hypervisor", "--cpus", "boot=2")), NULL);
	expect_name(parse(false, ARGV("vmm", "x", "--id")), NULL);
	expect_accel(parse(false, ARGV("vmm", "x", "y")), VMM_ACCEL_KVM);
}

static void test_option_get(void)
{
	g_autofree char *a = vmm_option_get("x,y=1,z=2", "first", "z");
	g_autofree char *b = vmm_option_get("x,y=1", "first", "first");
	g_autofree char *c = vmm_option_get("x,y", NULL, "y");
	g_autofree char *d = vmm_option_get("y=1,", NULL, "y");
	g_autofree char *e = vmm_option_get(",,,", "first", "first");
	g_autofree char *f = vmm_option_get("yy=1", NULL, "y");

	CU_ASSERT_STRING_EQUAL(a, "2");
	CU_ASSERT_STRING_EQUAL(b, "x");
	CU_ASSERT_PTR_NULL(c);
	CU_ASSERT_STRING_EQUAL(d, "1");
	CU_ASSERT_STRING_EQUAL(e, ",");
	CU_ASSERT_PTR_NULL(f);
}

static void test_is_qemu(void)
{
	CU_ASSERT_TRUE(vmm_is_qemu("/usr/bin/qemu-system-x86_64"));
	CU_ASSERT_TRUE(vmm_is_qemu("/opt/q/bin/qemu-system-aarch64"));
	CU_ASSERT_TRUE(vmm_is_qemu("/usr/libexec/qemu-kvm"));
	CU_ASSERT_TRUE(vmm_is_qemu("/usr/bin/kvm"));
	CU_ASSERT_FALSE(vmm_is_qemu("/usr/bin/qemu-img"));
	CU_ASSERT_FALSE(vmm_is_qemu("/usr/bin/qemu-ga"));
	CU_ASSERT_FALSE(vmm_is_qemu("/usr/bin/qemu-x86_64"));
	CU_ASSERT_FALSE(vmm_is_qemu("/qemu-system-x86_64/bash"));
	CU_ASSERT_FALSE(vmm_is_qemu(""));
}

static void test_unterminated(void)
{
	struct vmm_cmdline cmdline;

	vmm_cmdline_parse("q\0-name\0abc", 11, true, &cmdline);
	expect_name(cmdline, "abc");
	vmm_cmdline_parse("", 0, true, &cmdline);
	expect_name(cmdline, NULL);
	vmm_cmdline_parse("\0\0\0\0", 4, false, &cmdline);
	expect_name(cmdline, NULL);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"name", test_name},
		{"what looks like a name", test_name_lookalike},
		{"name is bounded", test_name_bounded},
		{"uuid", test_uuid},
		{"accelerator", test_accel},
		{"probe for capabilities", test_no_machine},
		{"other VMMs", test_other_vmms},
		{"option strings", test_option_get},
		{"QEMU by its path", test_is_qemu},
		{"unterminated", test_unterminated},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {{"vmm_cmdline", NULL, NULL, NULL, NULL, tests},
				 CU_SUITE_INFO_NULL};
	unsigned failed = 1;

	if (CU_initialize_registry() == CUE_SUCCESS && CU_register_suites(suites) == CUE_SUCCESS &&
	    CU_basic_run_tests() == CUE_SUCCESS)
		failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
