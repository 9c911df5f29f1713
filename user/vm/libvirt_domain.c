// SPDX-License-Identifier: Apache-2.0
#include "vm/libvirt_domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/libvirt_stats.h"
#include "vm/proc_fs.h"

struct libvirt_domain *libvirt_domain_new(const char *uuid)
{
	struct libvirt_domain *domain = g_new0(struct libvirt_domain, 1);

	g_strlcpy(domain->uuid, uuid, sizeof(domain->uuid));
	domain->stale = true;
	return domain;
}

void libvirt_domain_free(struct libvirt_domain *domain)
{
	if (domain->dom)
		virDomainFree(domain->dom);
	libvirt_meta_free(domain->meta);
	g_free(domain);
}

void libvirt_domain_see(struct libvirt_domain *domain, virDomainPtr dom, int state, int reason)
{
	int id = virDomainGetID(dom);

	if (domain->dom)
		virDomainFree(domain->dom);
	virDomainRef(dom);
	domain->dom = dom;
	domain->stale |= domain->id != id;
	domain->id = id;
	domain->state = state;
	domain->reason = reason;
}

void libvirt_domain_read_xml(struct libvirt_domain *domain)
{
	char *xml = virDomainGetXMLDesc(domain->dom, 0);
	struct libvirt_meta *meta;

	domain->stale = false;
	if (xml && !libvirt_meta_parse(xml, strlen(xml), &meta)) {
		libvirt_meta_free(domain->meta);
		domain->meta = meta;
	}
	free(xml);
}

static int read_status(const char *path, struct libvirt_status *ret_status)
{
	g_autofree char *buf = g_malloc(LIBVIRT_XML_MAX);
	ssize_t n = proc_fs_read(AT_FDCWD, path, buf, LIBVIRT_XML_MAX);

	return n < 0 ? n : libvirt_status_parse(buf, n, ret_status);
}

void libvirt_domain_read_status(struct libvirt_domain *domain, const char *dir)
{
	struct libvirt_status status = {0};
	g_autofree char *path = NULL;
	int64_t mtime_ns;
	struct stat st;

	/* libvirt allows no slash in a name; nobody else shall lead us elsewhere either. */
	if (strchr(virDomainGetName(domain->dom), '/'))
		return;
	path = g_strdup_printf("%s/%s.xml", dir, virDomainGetName(domain->dom));
	if (stat(path, &st) || !S_ISREG(st.st_mode)) {
		domain->status = status;
		domain->status_mtime_ns = 0;
		return;
	}
	mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	if (mtime_ns == domain->status_mtime_ns && st.st_ino == domain->status_inode)
		return;
	/* A namesake under another daemon is somebody else. */
	if (read_status(path, &status) || strcmp(status.uuid, domain->uuid))
		status = (struct libvirt_status){0};
	domain->status = status;
	domain->status_mtime_ns = mtime_ns;
	domain->status_inode = st.st_ino;
}

static enum kvmlens_pause pause_of(int reason)
{
	switch (reason) {
	case VIR_DOMAIN_PAUSED_USER:
		return KVMLENS_PAUSE_OPERATOR;
	case VIR_DOMAIN_PAUSED_IOERROR:
		return KVMLENS_PAUSE_IO_ERROR;
	case VIR_DOMAIN_PAUSED_MIGRATION:
	case VIR_DOMAIN_PAUSED_POSTCOPY:
	case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
		return KVMLENS_PAUSE_MIGRATION;
	}
	return KVMLENS_PAUSE_OTHER;
}

/* In libvirt's order of virDomainShutoffReason. */
static const char *const off_reasons[] = {"unknown", "shutdown", "destroyed", "crashed", "migrated",
					  "saved",   "failed",	 "snapshot",  "daemon"};

const char *libvirt_off_reason(int state, int reason)
{
	if (state == VIR_DOMAIN_CRASHED)
		return "crashed";
	if (state != VIR_DOMAIN_SHUTOFF || reason <= 0 || reason >= (int)G_N_ELEMENTS(off_reasons))
		return NULL;
	return off_reasons[reason];
}

struct kvmlens_vm libvirt_domain_describe(const struct libvirt_domain *domain)
{
	const struct libvirt_meta *meta = domain->meta;

	return (struct kvmlens_vm){
		.id = domain->uuid,
		.name = virDomainGetName(domain->dom),
		.uuid = domain->uuid,
		.pid = domain->status.pid,
		.state = domain->status.incoming ? KVMLENS_VM_MIGRATING
						 : libvirt_state(domain->state),
		.pause = pause_of(domain->reason),
		.info = meta ? (const struct kvmlens_tag *)meta->info->data : NULL,
		.n_info = meta ? meta->info->len : 0,
	};
}

/*
 * Not during a block job: libvirt answers then as well, and where another call holds the domain it
 * leaves the counters of this one answer out, as it was asked not to wait.
 */
bool libvirt_domain_skip_block(const struct libvirt_domain *domain)
{
	return domain->status.incoming || (domain->state == VIR_DOMAIN_PAUSED &&
					   (domain->reason == VIR_DOMAIN_PAUSED_MIGRATION ||
					    domain->reason == VIR_DOMAIN_PAUSED_STARTING_UP));
}

bool libvirt_domain_block_job(const struct libvirt_domain *domain)
{
	return domain->status.block_job || (domain->meta && domain->meta->mirror);
}
