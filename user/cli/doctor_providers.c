// SPDX-License-Identifier: Apache-2.0
/* Who names the VMs: each provider is asked as the agent would ask it, once. */
#include <string.h>
#include "cli/doctor.h"
#include "vm/worker.h"

/* Wait until the worker has an answer or an error; false: neither came in time. */
static bool wait_answer(struct worker *worker, unsigned timeout_ms,
			struct worker_health *ret_health)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

	do {
		worker_health(worker, ret_health);
		if (ret_health->up || ret_health->error[0])
			return true;
		g_usleep(10000);
	} while (g_get_monotonic_time() < deadline);
	return false;
}

static void report(struct doctor *doctor, const char *name, bool answered, bool wanted,
		   const struct worker_health *health)
{
	g_autofree char *what = NULL;

	if (health->up) {
		what = g_strdup_printf("names VMs; now %" G_GUINT64_FORMAT, health->vms);
		doctor_add(doctor, FINDING_OK, name, what, NULL, NULL);
	} else if (!answered) {
		doctor_add(doctor, FINDING_NO, name, "names VMs", "it does not answer",
			   "restart libvirtd (virtqemud); the kernel's numbers come all the same");
	} else if (wanted) {
		doctor_add(doctor, FINDING_NO, name, "names VMs", health->error,
			   "start libvirtd (virtqemud), correct --uri, or use --provider auto");
	} else {
		doctor_add(doctor, FINDING_OFF, name, "names VMs", health->error,
			   "nothing, if this host has no libvirt; VMs are found all the same");
	}
}

static void check_provider(struct doctor *doctor, const struct kvmlens_provider_ops *ops,
			   const char *uri, bool wanted, unsigned timeout_ms)
{
	struct worker_config config = {
		.ops = ops,
		.uri = uri,
		.level = KVMLENS_BASIC,
		.no_stats = true,
		.deadline_ms = timeout_ms,
	};
	struct worker *worker = worker_new(&config);
	struct worker_health health = {};
	bool answered =
		worker_start(worker, NULL, NULL) == 0 && wait_answer(worker, timeout_ms, &health);

	report(doctor, ops->name, answered, wanted, &health);
	worker_free(worker);
}

void doctor_check_providers(struct doctor *doctor, unsigned timeout_ms)
{
	const struct config *config = doctor->config;

	if (strcmp(config->provider, "proc"))
		check_provider(doctor, &kvmlens_provider_libvirt, config->uri,
			       config_wants_provider(config, "libvirt"), timeout_ms);
	if (strcmp(config->provider, "libvirt"))
		check_provider(doctor, &kvmlens_provider_proc, NULL, true, timeout_ms);
}
