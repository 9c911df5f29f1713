// SPDX-License-Identifier: Apache-2.0
/*
 * How a QEMU's command line falls into options, and what disks and identity it makes. The right
 * values are those of a real QEMU's "info block", "info uuid" and "info name" for these very
 * arguments; tests/e2e/identity.sh asks one for them.
 */
#include <glib.h>
#include <string.h>
#include <CUnit/Basic.h>
#include "vm/block_graph.h"
#include "vm/vmm_cmdline.h"

#define ARGV(...) ((const char *const[]){"/usr/bin/qemu-system-x86_64", __VA_ARGS__, NULL})

static GByteArray *bytes_of(const char *const *argv)
{
	GByteArray *bytes = g_byte_array_new();

	for (; *argv; argv++)
		g_byte_array_append(bytes, (const guint8 *)*argv, strlen(*argv) + 1);
	return bytes;
}

static void expect(const char *got, const char *want)
{
	CU_ASSERT_EQUAL(g_strcmp0(got, want), 0);
	if (g_strcmp0(got, want))
		printf("\n    got  %s\n    want %s\n", got, want);
}

/* --- options -------------------------------------------------------------------------------- */

static void expect_name(const char *const *argv, const char *name)
{
	g_autoptr(GByteArray) bytes = bytes_of(argv);
	struct vmm_cmdline cmdline;

	vmm_cmdline_parse((const char *)bytes->data, bytes->len, true, &cmdline);
	expect(cmdline.name, name);
	vmm_cmdline_clear(&cmdline);
}

static void test_flags(void)
{
	/* Of many releases, and some that no release has. */
	static const char *const options[] = {
		"-s",		"-localtime",	"-perfmap",	"-one-insn-per-tb",
		"-no-frame",	"-show-cursor", "-tdf",		"-enable-fips",
		"-nodefconfig", "-jitdump",	"-no-kvm-pit",	"-no-kvm-irqchip",
		"--no-quit",	"-usb",		"-of-some-day", "--of-some-day"};

	for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
		expect_name(ARGV(options[i], "-name", "good"), "good");
		expect_name(ARGV(options[i], "--name", "good"), "good");
		expect_name(ARGV(options[i], "-new", "-name", "good"), "good");
		expect_name(ARGV(options[i], "-new", "value", "-name", "good"), "good");
	}
	/* What takes an argument takes the word after it, whatever it looks like. */
	expect_name(ARGV("-append", "-name", "evil", "-name", "good"), "good");
	expect_name(ARGV("-fw_cfg", "-name", "-kernel", "-name", "-s"), NULL);
	expect_name(ARGV("-new", "-5", "-name", "good"), "good");
}

static void test_loader(void)
{
	static const char line[] = "/lib64/ld-linux-x86-64.so.2\0--library-path\0/opt/lib\0"
				   "/opt/bin/qemu-system-x86_64\0-name\0good";
	g_autofree char *program = vmm_program(line, sizeof(line));
	struct vmm_cmdline cmdline;

	expect(program, "qemu-system-x86_64");
	CU_ASSERT_TRUE(vmm_cmdline_is_qemu("/lib64/ld-linux-x86-64.so.2", line, sizeof(line)));
	vmm_cmdline_parse(line, sizeof(line), true, &cmdline);
	expect(cmdline.name, "good");
	vmm_cmdline_clear(&cmdline);
}

static void test_is_qemu(void)
{
	static const char renamed[] = "/opt/vmm\0-S\0-accel\0tcg\0-m\00064\0-display\0none";
	static const char debugger[] =
		"gdb\0--args\0qemu-system-x86_64\0-accel\0tcg\0-m\00064\0-smp\0002";
	static const char container[] =
		"podman\0run\0img\0qemu-system-x86_64\0-accel\0tcg\0-m\00064";
	static const char other[] = "/usr/bin/mysqld\0-m\0005\0-s\0-device\0x\0--port\0003306";

	CU_ASSERT_TRUE(vmm_is_qemu("/nix/store/x/bin/.qemu-system-x86_64-wrapped"));
	CU_ASSERT_TRUE(vmm_is_qemu("/usr/libexec/qemu-kvm;65a1b2c3"));
	CU_ASSERT_TRUE(vmm_is_qemu("/usr/libexec/.qemu-kvm-wrapped"));
	CU_ASSERT_TRUE(vmm_is_qemu("/usr/bin/kvm.old"));
	CU_ASSERT_FALSE(vmm_is_qemu("/usr/bin/kvm-ok"));
	CU_ASSERT_FALSE(vmm_is_qemu("/usr/bin/kvmlens"));
	CU_ASSERT_TRUE(vmm_cmdline_is_qemu("/opt/vmm", renamed, sizeof(renamed)));
	CU_ASSERT_FALSE(vmm_cmdline_is_qemu("/usr/bin/gdb", debugger, sizeof(debugger)));
	CU_ASSERT_FALSE(vmm_cmdline_is_qemu("/usr/bin/podman", container, sizeof(container)));
	CU_ASSERT_FALSE(vmm_cmdline_is_qemu("/usr/bin/mysqld", other, sizeof(other)));
}

/* --- uuid ----------------------------------------------------------------------------------- */

#define A "11111111-2222-4333-8444-aaaaaaaaaaaa"
#define B "11111111-2222-4333-8444-bbbbbbbbbbbb"
#define NIL "00000000-0000-0000-0000-000000000000"

static void expect_uuid(const char *const *argv, const char *uuid, enum vmm_uuid_source source)
{
	g_autoptr(GByteArray) bytes = bytes_of(argv);
	struct vmm_cmdline cmdline;

	vmm_cmdline_parse((const char *)bytes->data, bytes->len, true, &cmdline);
	expect(cmdline.uuid, uuid);
	CU_ASSERT_EQUAL(cmdline.uuid_source, source);
	vmm_cmdline_clear(&cmdline);
}

static void test_uuid(void)
{
	expect_uuid(ARGV("-smbios", "type=1,uuid=" A), A, VMM_UUID_SMBIOS);
	expect_uuid(ARGV("-smbios", "uuid=" A ",type=1,product=x"), A, VMM_UUID_SMBIOS);
	expect_uuid(ARGV("-uuid", A, "-smbios", "type=1,uuid=" B), B, VMM_UUID_SMBIOS);
	expect_uuid(ARGV("-smbios", "type=1,uuid=" B, "-uuid", A), A, VMM_UUID_OPTION);
	expect_uuid(ARGV("-smbios", "type=1,uuid=" B, "-smbios", "type=1,uuid=" A), A,
		    VMM_UUID_SMBIOS);
	expect_uuid(ARGV("-smbios", "type=1,uuid=" A, "-smbios", "type=1,serial=x"), A,
		    VMM_UUID_SMBIOS);
	expect_uuid(ARGV("-smbios", "type=3,uuid=" A), "", VMM_UUID_NONE);
	expect_uuid(ARGV("-smbios", "file=/x"), "", VMM_UUID_NONE);
	expect_uuid(ARGV("-uuid", NIL), "", VMM_UUID_NONE);
}

static char *read_config(void *ctx, const char *path, size_t *ret_len)
{
	if (strcmp(path, "/etc/vm.cfg"))
		return NULL;
	*ret_len = strlen(ctx);
	return g_strdup(ctx);
}

static void test_readconfig(void)
{
	static const char text[] =
		"# a comment\n[name]\n  guest = \"from, file\"\n"
		"[smbios]\n type = \"1\"\n uuid = \"" A "\"\n"
		"[machine]\n type = \"q35\"\n accel = \"tcg\"\n"
		"[drive \"d0\"]\n if = \"none\"\n file = \"/a,b.img\"\nnonsense\n"
		"[device \"v0\"]\n driver = \"virtio-blk\"\n drive = \"d0\"\n"
		"[drive]\n file = \"/c.img\"\n index = \"1\"\n[";
	const char *const *argv = ARGV("-readconfig", "/etc/vm.cfg", "-readconfig", "/no", "-S");
	g_autoptr(GByteArray) bytes = bytes_of(argv);
	const char *line = (const char *)bytes->data;
	g_autoptr(GArray) args =
		qemu_args_parse_cmdline(line, bytes->len, read_config, (void *)text);
	g_autoptr(GArray) disks = block_graph_disks(args, "qemu-system-x86_64");
	struct vmm_cmdline cmdline;

	vmm_cmdline_read(line, bytes->len, true, read_config, (void *)text, &cmdline);
	expect(cmdline.name, "from, file");
	expect(cmdline.uuid, A);
	CU_ASSERT_EQUAL(cmdline.accel, VMM_ACCEL_TCG);
	vmm_cmdline_clear(&cmdline);
	CU_ASSERT_EQUAL_FATAL(disks->len, 2);
	expect(g_array_index(disks, struct block_disk, 0).path, "/a,b.img");
	expect(g_array_index(disks, struct block_disk, 0).name, "d0");
	expect(g_array_index(disks, struct block_disk, 1).name, "ide1-hd0");
}

/* --- other VMMs ----------------------------------------------------------------------------- */

static void expect_socket(const char *path, const char *id)
{
	g_autofree char *got = vmm_socket_id(path);

	expect(got, id);
}

static void test_sockets(void)
{
	expect_socket("/run/kata/31910e6c6b89/ch-api.sock", "31910e6c6b89");
	expect_socket("/run/vc/vm/31910e6c6b89/clh-api.sock", "31910e6c6b89");
	expect_socket("/run/web.sock", "web");
	expect_socket("/tmp/cloud-hypervisor.sock", NULL);
	expect_socket("/tmp/ch-socket", "ch-socket");
	expect_socket("", NULL);
}

/* --- disks ---------------------------------------------------------------------------------- */

/* "name=path" of each disk, "(ro)", "(cd)", "(fw)" behind what is another kind. */
static char *disks_text(const char *program, const char *const *argv)
{
	static const char *const kinds[] = {"", "(ro)", "(cd)", "(fw)"};
	g_autoptr(GByteArray) bytes = bytes_of(argv);
	g_autoptr(GArray) args =
		qemu_args_parse_cmdline((const char *)bytes->data, bytes->len, NULL, NULL);
	g_autoptr(GArray) disks = block_graph_disks(args, program);
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < disks->len; i++) {
		const struct block_disk *d = &g_array_index(disks, struct block_disk, i);

		g_string_append_printf(text, "%s%s=%s%s", i ? " " : "", d->name, d->path ?: "-",
				       kinds[d->kind]);
	}
	return g_string_free(text, FALSE);
}

static void expect_disks(const char *program, const char *want, const char *const *argv)
{
	g_autofree char *got = disks_text(program, argv);

	expect(got, want);
}

#define DISKS(want, ...) expect_disks("qemu-system-x86_64", want, ARGV(__VA_ARGS__))

static void test_drives(void)
{
	DISKS("ide0-hd0=a ide0-hd1=b ide1-cd0=c(cd) floppy0=d", "-hda", "a", "-hdb", "b", "-cdrom",
	      "c", "-fda", "d");
	DISKS("ide0-hd0=a ide3-hd0=b ide2-cd0=c(cd) none0=d", "-M", "q35", "-drive", "file=a",
	      "-drive", "file=b,index=3", "-cdrom", "c", "-drive", "if=none,file=d");
	DISKS("ide1-hd0=/a virtio1=/b virtio0=/c", "-drive", "file=/a,if=ide,index=2", "-drive",
	      "file=/b,if=virtio,index=1", "-drive", "file=/c,if=virtio,index=0");
	DISKS("ide1-hd0=a ide0-hd0=b ide0-hd1=c", "-drive", "file=a,bus=1,unit=0", "-drive",
	      "file=b,if=ide,bus=0", "-drive", "file=c");
	DISKS("scsi0-hd0=a scsi0-hd1=b scsi1-hd0=c", "-drive", "file=a,if=scsi", "-drive",
	      "file=b,if=scsi", "-drive", "file=c,if=scsi,index=7");
	DISKS("virtio0=a(ro) virtio1=b(ro) virtio2=c", "-drive", "file=a,if=virtio,readonly=on",
	      "-drive", "file=b,if=virtio,readonly", "-drive", "file=c,if=virtio,readonly=off");
	DISKS("pflash0=f(fw) pflash1=v(fw) sd0=s mtd0=m floppy1=x", "-pflash", "f", "-drive",
	      "if=pflash,file=v", "-sd", "s", "-mtdblock", "m", "-fdb", "x");
	DISKS("ide0-hd0=disk.img", "-m", "64", "disk.img", "-S");
	DISKS("none0=a(cd)", "-drive", "file=a,if=none,media=cdrom");
	DISKS("x=-", "-drive", "if=none,id=x");
}

static void test_files(void)
{
	DISKS("virtio0=/a virtio1=/b virtio2=/c:d virtio3=x:y", "-drive", "if=virtio,file=file:/a",
	      "-drive", "if=virtio,file=host_device:/b", "-drive", "if=virtio,file=/c:d", "-drive",
	      "if=virtio,file.filename=x:y");
	DISKS("virtio0=- virtio1=- virtio2=-", "-drive", "if=virtio,file=fat:rw:/dir", "-drive",
	      "if=virtio,file=nbd://host/x", "-drive", "if=virtio,file=rbd:pool/x:id=admin");
	DISKS("virtio0=/a virtio1=/b", "-drive",
	      "if=virtio,driver=qcow2,file.driver=file,file.filename=/a", "-drive",
	      "if=virtio,file=json:{\"driver\":\"qcow2\",,\"file\":{\"driver\":\"file\",,"
	      "\"filename\":\"/b\"}}");
	DISKS("virtio0=/a virtio1=/b,c", "-drive", "driver=raw,file.filename=/a,if=virtio",
	      "-drive", "if=virtio,file=/b,,c");
	DISKS("d=/new", "-drive", "if=none,id=d,file=/old", "-set", "drive.d.file=/new");
}

static void test_nodes(void)
{
	DISKS("r0=a q0=q(cd) n1=b(ro)", "-blockdev", "driver=file,filename=a,node-name=f0",
	      "-blockdev", "driver=raw,file=f0,node-name=r0", "-blockdev",
	      "driver=qcow2,file.driver=file,file.filename=q,node-name=q0,read-only=on", "-device",
	      "virtio-blk-pci,drive=r0,id=vd0", "-device", "scsi-cd,drive=q0", "-blockdev",
	      "file,filename=b,node-name=n1,read-only=on", "-device", "virtio-blk,drive=n1");
	/* A chain of filters; the backing file is another's data. */
	DISKS("top=/top.qcow2", "-blockdev",
	      "{\"driver\":\"throttle\",\"node-name\":\"top\",\"throttle-group\":\"t\",\"file\":"
	      "{\"driver\":\"copy-on-read\",\"file\":{\"driver\":\"qcow2\",\"file\":{\"driver\":"
	      "\"file\",\"filename\":\"/top.qcow2\"},\"backing\":{\"driver\":\"raw\",\"read-only\":"
	      "true,\"file\":{\"driver\":\"file\",\"filename\":\"/base\"}}}}}",
	      "-device", "{\"driver\":\"virtio-blk-pci\",\"drive\":\"top\"}");
	DISKS("vda=/v.qcow2 vdd=/d.raw", "-blockdev",
	      "{\"driver\":\"file\",\"filename\":\"/base\",\"node-name\":\"libvirt-3-storage\","
	      "\"auto-read-only\":true}",
	      "-blockdev",
	      "{\"node-name\":\"libvirt-3-format\",\"read-only\":true,\"driver\":\"raw\",\"file\":"
	      "\"libvirt-3-storage\"}",
	      "-blockdev",
	      "{\"driver\":\"file\",\"filename\":\"/v.qcow2\",\"node-name\":\"libvirt-2-storage\"}",
	      "-blockdev",
	      "{\"node-name\":\"libvirt-2-format\",\"read-only\":false,\"driver\":\"qcow2\",\"file\":"
	      "\"libvirt-2-storage\",\"backing\":\"libvirt-3-format\"}",
	      "-blockdev",
	      "{\"driver\":\"file\",\"filename\":\"/d.raw\",\"node-name\":\"libvirt-1-storage\"}",
	      "-device",
	      "{\"driver\":\"virtio-blk-pci\",\"drive\":\"libvirt-2-format\",\"id\":\"virtio-disk0\"}",
	      "-device",
	      "{\"driver\":\"virtio-blk-pci\",\"drive\":\"libvirt-1-storage\",\"id\":\"virtio-disk3\"}");
	DISKS("ua-root=/r sata0-0-1=/s", "-blockdev",
	      "driver=file,filename=/r,node-name=libvirt-2-storage", "-blockdev",
	      "driver=file,filename=/s,node-name=libvirt-1-storage", "-device",
	      "virtio-blk-pci,drive=libvirt-2-storage,id=ua-root", "-device",
	      "ide-hd,drive=libvirt-1-storage,id=sata0-0-1");
	DISKS("l=/luks qu=/one", "-blockdev",
	      "driver=luks,node-name=l,key-secret=s,file.driver=host_device,file.filename=/luks",
	      "-blockdev",
	      "driver=quorum,node-name=qu,vote-threshold=1,children.0.driver=file,"
	      "children.0.filename=/one,children.1.driver=file,children.1.filename=/two",
	      "-device", "scsi-hd,drive=l", "-device", "nvme,drive=qu,serial=1");
	/* Nothing uses the one; the other is firmware. */
	DISKS("pf=/code(fw)", "-blockdev", "driver=file,filename=/x,node-name=x", "-drive",
	      "if=none,id=pf,file=/code,readonly=on", "-machine", "q35,pflash0=pf");
	DISKS("pf=/vars(fw)", "-blockdev", "driver=file,filename=/vars,node-name=pf", "-global",
	      "driver=cfi.pflash01,property=drive,value=pf", "-device", "cfi.pflash01,drive=pf");
	/* Whoever writes a circle gets nothing of it. */
	DISKS("a=-", "-blockdev", "driver=raw,node-name=a,file=b", "-blockdev",
	      "driver=raw,node-name=b,file=a", "-device", "virtio-blk,drive=a");
	DISKS("ide0-hd0=-", "-blockdev", "{broken", "-blockdev", "", "-device", "{", "-device",
	      "virtio-blk,drive=none", "-drive");
}

static void test_machines(void)
{
	expect_disks("qemu-system-aarch64", "virtio0=a", ARGV("-M", "virt,gic=3", "-hda", "a"));
	expect_disks("qemu-system-s390x", "virtio0=a", ARGV("a"));
	expect_disks("qemu-system-ppc64", "scsi0-hd0=a", ARGV("-drive", "file=a"));
	expect_disks("kvm", "ide1-hd0=a", ARGV("-M", "pc-q35-7.2", "-hdb", "a"));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"options with and without an argument", test_flags},
		{"a dynamic loader in front", test_loader},
		{"QEMU whatever it is called", test_is_qemu},
		{"uuid: the last one counts", test_uuid},
		{"readconfig", test_readconfig},
		{"API sockets", test_sockets},
		{"drives are named as QEMU names them", test_drives},
		{"ways to write a file", test_files},
		{"nodes that devices use", test_nodes},
		{"default interfaces of machines", test_machines},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {{"qemu_args", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	unsigned failed = 1;

	if (CU_initialize_registry() == CUE_SUCCESS && CU_register_suites(suites) == CUE_SUCCESS &&
	    CU_basic_run_tests() == CUE_SUCCESS)
		failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
