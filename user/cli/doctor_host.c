// SPDX-License-Identifier: Apache-2.0
/* What can be said of the host without loading anything. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/btf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "cli/doctor.h"
#include "config/endpoint.h"
#include "probe/probe.h"
#include "util/privilege.h"
#include "vm/discover.h"
#include "vm/proc_view.h"
#include "vm/refusal.h"

const struct doctor_paths doctor_paths_here = {
	.btf = "/sys/kernel/btf/vmlinux",
	.bpffs = "/sys/fs/bpf",
	.kvm = "/dev/kvm",
	.proc = "/proc",
	.pins = PROBE_PIN_DIR,
};

static void check_rights(struct doctor *doctor)
{
	g_autofree char *why = NULL;
	const char *missing;

	doctor->rights = privilege_suffices(&missing);
	if (doctor->rights) {
		doctor_add(doctor, FINDING_OK, "rights",
			   "may load BPF programs and see every process", NULL, NULL);
		return;
	}
	why = g_strdup_printf("%s is missing", missing);
	doctor_add(doctor, FINDING_FATAL, "rights", "to load BPF programs and see every process",
		   why, "run it as root: sudo kvmlens doctor");
}

static void check_kernel(struct doctor *doctor)
{
	g_autofree char *what = NULL;
	struct utsname name;
	int major = 0, minor = 0;

	if (uname(&name))
		return;
	what = g_strdup_printf("Linux %s %s", name.release, name.machine);
	if (sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	    (major < 5 || (major == 5 && minor < 8)))
		doctor_add(doctor, FINDING_NO, "kernel", what, "older than 5.8",
			   "use 5.10 or newer; numbers come from /proc until then");
	else
		doctor_add(doctor, FINDING_OK, "kernel", what, NULL, NULL);
}

static void check_file(struct doctor *doctor, const char *name, const char *path, const char *what,
		       const char *remedy)
{
	g_autofree char *why = NULL;

	if (access(path, R_OK) == 0) {
		doctor_add(doctor, FINDING_OK, name, what, NULL, NULL);
		return;
	}
	why = g_strdup_printf("%s: %s", path, g_strerror(errno));
	doctor_add(doctor, FINDING_NO, name, what, why, remedy);
}

static int read_magic(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	uint16_t magic = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, &magic, sizeof(magic));
	if (n < 0)
		err = -errno;
	else if (magic != BTF_MAGIC)
		err = -ENODATA;
	close(fd);
	return err;
}

static void check_btf(struct doctor *doctor)
{
	const char *what = "kernel type information for BPF programs";
	g_autofree char *why = NULL;
	int err = read_magic(doctor->paths->btf);

	if (!err) {
		doctor_add(doctor, FINDING_OK, "btf", what, NULL, NULL);
		return;
	}
	why = g_strdup_printf("%s: %s", doctor->paths->btf, g_strerror(-err));
	doctor_add(doctor, FINDING_NO, "btf", what, why,
		   "use a kernel with CONFIG_DEBUG_INFO_BTF; numbers come from /proc until then");
}

static void check_bpffs(struct doctor *doctor)
{
	g_autofree char *why = NULL;
	struct statfs fs;

	if (statfs(doctor->paths->bpffs, &fs) == 0 && fs.f_type == BPF_FS_MAGIC) {
		doctor_add(doctor, FINDING_OK, "bpffs", "counters survive a restart", NULL, NULL);
		return;
	}
	why = g_strdup_printf("no bpffs is mounted on %s", doctor->paths->bpffs);
	doctor_add(doctor, FINDING_OFF, "bpffs", "counters survive a restart", why,
		   "nothing: kvmlens run mounts it");
}

static void check_schedstat(struct doctor *doctor)
{
	g_autofree char *path = g_build_filename(doctor->paths->proc, "self/schedstat", NULL);

	doctor->schedstat = access(path, R_OK) == 0;
	check_file(doctor, "schedstat", path, "ready time from /proc, where BPF is refused",
		   "use a kernel with CONFIG_SCHED_INFO, which CONFIG_KVM selects");
}

#define HIDDEN_NAMED 8 /* ids of processes */

/* "1234, 1240, ...": which processes exist that /proc does not show; NULL: none can be told. */
static char *name_hidden(const char *proc)
{
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(pid_t));
	GString *text = g_string_new(NULL);

	proc_view_find_hidden(proc, ids, HIDDEN_NAMED);
	for (unsigned i = 0; i < ids->len; i++)
		g_string_append_printf(text, "%s%d", i ? ", " : "", g_array_index(ids, pid_t, i));
	if (ids->len == HIDDEN_NAMED)
		g_string_append(text, ", ...");
	return g_string_free(text, !text->len);
}

static void check_processes(struct doctor *doctor)
{
	static const char what[] = "VMs are found among all processes of the host";
	g_autofree char *why = NULL, *ids = NULL;
	struct proc_view view;

	if (proc_view_read(doctor->paths->proc, &view) || view.total == UINT64_MAX)
		return;
	if (!view.hidden && !view.own_namespace) {
		doctor_add(doctor, FINDING_OK, "processes", what, NULL, NULL);
		return;
	}
	if (view.own_namespace) {
		why = g_strdup_printf("this is a pid namespace of its own: of the host's %" PRIu64
				      " threads it shows %" PRIu64
				      ", and no process outside the namespace",
				      view.total, view.seen);
		doctor_add(doctor, FINDING_NO, "processes", what, why,
			   "run it in the host's: hostPID: true, --pid=host");
		return;
	}
	ids = name_hidden(doctor->paths->proc);
	why = g_strdup_printf("%s%s%s%s shows %" PRIu64 " of the host's %" PRIu64 " threads%s%s",
			      doctor->paths->proc, view.option[0] ? ", mounted with " : "",
			      view.option, view.option[0] ? "," : "", view.seen, view.total,
			      ids ? "; hidden are the processes and threads " : "", ids ?: "");
	doctor_add(doctor, FINDING_NO, "processes", what, why,
		   "give it CAP_SYS_PTRACE, or remount /proc with hidepid=0");
}

/* An agent holds a lock on its directory for as long as it runs. */
static void check_pins(struct doctor *doctor)
{
	int fd = open(doctor->paths->pins, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		if (errno == ENOENT)
			doctor_add(doctor, FINDING_OK, "pins",
				   "no agent is running, none has crashed", NULL, NULL);
		return;
	}
	doctor->agent = flock(fd, LOCK_EX | LOCK_NB) != 0;
	if (!doctor->agent)
		doctor_add(doctor, FINDING_OFF, "pins", "left by a run that was killed",
			   doctor->paths->pins,
			   "nothing: the next run adopts them; kvmlens unload removes them");
	else
		doctor_add(doctor, FINDING_OK, "pins", "an agent is running", NULL, NULL);
	close(fd);
}

/* Bind as the agent would, but without ever accepting. 0 or negative errno. */
static int try_listen(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, err = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &endpoint->sa, endpoint->len) || listen(fd, 1))
		err = -errno;
	close(fd);
	return err;
}

static void check_listen(struct doctor *doctor)
{
	const char *listen = doctor->config->listen;
	struct endpoint endpoint;
	int err;

	if (strcmp(listen, "none") == 0 || endpoint_parse(listen, &endpoint)) {
		doctor_add(doctor, FINDING_OFF, "listen", "/metrics", "switched off", NULL);
		return;
	}
	err = try_listen(&endpoint);
	if (err == -EADDRINUSE && doctor->agent)
		doctor_add(doctor, FINDING_OK, "listen", "in use, as an agent is running", NULL,
			   NULL);
	else if (err == -EADDRINUSE)
		doctor_add(doctor, FINDING_NO, "listen", listen, "the address is in use",
			   "stop what has it (ss -ltnp), or choose another with --listen");
	else if (err)
		doctor_add(doctor, FINDING_NO, "listen", listen, g_strerror(-err),
			   "choose another with --listen");
	else if (!endpoint_is_loopback(&endpoint))
		doctor_add(doctor, FINDING_OK, "listen",
			   "free, but open to the network: anybody who "
			   "reaches it can read it",
			   NULL, NULL);
	else
		doctor_add(doctor, FINDING_OK, "listen", listen, NULL, NULL);
}

/* How many VMs of this inventory belong to the same ordinary owner as the one at first. */
static unsigned count_owner(const struct inventory *inventory, unsigned first)
{
	const struct vm_owner *owner = &inventory->vms[first].ident->owner;
	unsigned n = 0;

	for (unsigned i = 0; i < inventory->n_vms; i++) {
		const struct vm_owner *other = &inventory->vms[i].ident->owner;

		if (!other->ordinary || strcmp(other->name, owner->name))
			continue;
		if (i < first)
			return 0; /* counted there */
		n++;
	}
	return n;
}

static void add_owners(struct doctor *doctor, const struct inventory *inventory)
{
	for (unsigned i = 0; i < inventory->n_vms; i++) {
		const struct vm_owner *owner = &inventory->vms[i].ident->owner;
		unsigned n = owner->ordinary ? count_owner(inventory, i) : 0;
		g_autofree char *what = NULL, *why = NULL;

		if (!n)
			continue;
		what = g_strdup_printf("%u VMs of %s", n, owner->name);
		why = g_strdup_printf(
			"%s is not among owners: unless libvirt runs them they are called "
			"%s/NAME and have limits",
			owner->name, owner->name);
		doctor_add(doctor, FINDING_OFF, "owners", what, why,
			   "if this user is to be trusted, add it to owners");
	}
}

static void add_left_out(struct doctor *doctor, struct refusals *refusals)
{
	struct refusal refusal;

	while (refusals_next_unnamed(refusals, &refusal)) {
		g_autofree char *what = g_strdup_printf("%" G_GUINT64_FORMAT " of %s",
							refusal.count, refusal.owner);
		g_autofree char *why = refusal_text(refusals, &refusal);

		doctor_add(doctor, FINDING_OFF, "left out", what, why,
			   "see owners and owner_limits in kvmlens.yaml(5)");
	}
}

/* VMM processes whose word on who they are is not believed, and those that are left out. */
static void check_owners(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct refusals *refusals = refusals_new(&config->owner_limits);
	struct discover *discover = discover_new(&(struct discover_config){
		.proc_root = doctor->paths->proc,
		.unnamed = true,
		.owners = (const char *const *)config->owners,
		.n_owners = config->n_owners,
		.refusals = refusals,
	});
	struct inventory *inventory;

	discover_scan(discover);
	inventory = discover_inventory(discover);
	if (inventory)
		add_owners(doctor, inventory);
	add_left_out(doctor, refusals);
	inventory_unref(inventory);
	discover_free(discover);
	refusals_free(refusals);
}

void doctor_check_host(struct doctor *doctor)
{
	check_rights(doctor);
	check_kernel(doctor);
	check_btf(doctor);
	check_bpffs(doctor);
	check_file(doctor, "kvm", doctor->paths->kvm, "VMs with hardware help",
		   "modprobe kvm_intel or kvm_amd; VMs without KVM are seen all the same");
	check_schedstat(doctor);
	check_processes(doctor);
	check_owners(doctor);
	check_pins(doctor);
	check_listen(doctor);
}
