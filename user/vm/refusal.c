// SPDX-License-Identifier: Apache-2.0
#include "vm/refusal.h"

#include <string.h>

#define OTHERS "(others)"
#define ROWS_MAX (REFUSAL_OWNERS * REFUSAL_MAX)

struct row {
	struct refusal refusal;
	bool named;
};

struct refusals {
	bool limited;
	struct config_owner_limits limits;
	GMutex lock; /* of what follows */
	GArray *rows; /* struct row */
};

struct refusals *refusals_new(const struct config_owner_limits *limits)
{
	struct refusals *r = g_new0(struct refusals, 1);

	r->limited = limits != NULL;
	if (limits)
		r->limits = *limits;
	g_mutex_init(&r->lock);
	r->rows = g_array_new(FALSE, TRUE, sizeof(struct row));
	return r;
}

void refusals_free(struct refusals *r)
{
	if (!r)
		return;
	g_mutex_clear(&r->lock);
	g_array_unref(r->rows);
	g_free(r);
}

uint64_t refusals_limit(const struct refusals *r, enum refusal_reason share)
{
	if (!r || !r->limited)
		return UINT64_MAX;
	switch (share) {
	case REFUSAL_VMS:
		return r->limits.vms;
	case REFUSAL_THREADS:
		return r->limits.threads;
	case REFUSAL_NICS:
		return r->limits.nics;
	case REFUSAL_LOOKUPS:
		return r->limits.lookups;
	case REFUSAL_SERIES:
		return r->limits.series;
	case REFUSAL_LOG:
		return r->limits.log_lines;
	default:
		return UINT64_MAX;
	}
}

/* Under the lock. Rows are few: owners that are refused something are rare. */
static struct row *find(struct refusals *r, const char *owner, enum refusal_reason reason,
			bool *ret_known)
{
	struct row *found = NULL;

	*ret_known = false;
	for (guint i = 0; i < r->rows->len; i++) {
		struct row *row = &g_array_index(r->rows, struct row, i);

		if (strcmp(row->refusal.owner, owner))
			continue;
		*ret_known = true;
		if (row->refusal.reason == reason)
			found = row;
	}
	return found;
}

/* Under the lock. */
static unsigned count_owners(const struct refusals *r)
{
	unsigned n = 0;

	for (guint i = 0; i < r->rows->len; i++) {
		const struct row *row = &g_array_index(r->rows, struct row, i);
		bool first = true;

		for (guint j = 0; j < i && first; j++)
			first = strcmp(g_array_index(r->rows, struct row, j).refusal.owner,
				       row->refusal.owner) != 0;
		n += first;
	}
	return n;
}

void refusals_add(struct refusals *r, const struct vm_owner *owner, pid_t pid,
		  enum refusal_reason reason, uint64_t n)
{
	struct row *row, new = {.refusal = {.uid = owner->uid, .reason = reason, .pid = pid}};
	bool known;

	if (!r || !n)
		return;
	g_strlcpy(new.refusal.owner, owner->name, sizeof(new.refusal.owner));
	g_mutex_lock(&r->lock);
	row = find(r, new.refusal.owner, reason, &known);
	if (!row && !known && count_owners(r) >= REFUSAL_OWNERS) {
		g_strlcpy(new.refusal.owner, OTHERS, sizeof(new.refusal.owner));
		row = find(r, OTHERS, reason, &known);
	}
	if (!row && r->rows->len < ROWS_MAX + REFUSAL_MAX) {
		g_array_append_val(r->rows, new);
		row = &g_array_index(r->rows, struct row, r->rows->len - 1);
	}
	if (row)
		row->refusal.count += n;
	g_mutex_unlock(&r->lock);
}

void refusals_read(struct refusals *r, GArray *rows)
{
	if (!r)
		return;
	g_mutex_lock(&r->lock);
	for (guint i = 0; i < r->rows->len; i++)
		g_array_append_val(rows, g_array_index(r->rows, struct row, i).refusal);
	g_mutex_unlock(&r->lock);
}

bool refusals_next_unnamed(struct refusals *r, struct refusal *ret_refusal)
{
	bool found = false;

	if (!r)
		return false;
	g_mutex_lock(&r->lock);
	for (guint i = 0; i < r->rows->len && !found; i++) {
		struct row *row = &g_array_index(r->rows, struct row, i);

		found = !row->named;
		row->named = true;
		if (found)
			*ret_refusal = row->refusal;
	}
	g_mutex_unlock(&r->lock);
	return found;
}

static const struct {
	const char *name, *text;
	bool share;
} reasons[REFUSAL_MAX] = {
	[REFUSAL_VMS] = {"vms", "VMs; the youngest are left out", true},
	[REFUSAL_THREADS] = {"threads", "tracked threads; the others have no CPU times", true},
	[REFUSAL_NICS] = {"nics", "network interfaces; the others are left out", true},
	[REFUSAL_LOOKUPS] = {"lookups", "look-ups at once; the others wait", true},
	[REFUSAL_SERIES] = {"series", "series; the youngest VMs show their state alone", true},
	[REFUSAL_LOG] = {"log", "lines in the log an hour; the others are left out", true},
	[REFUSAL_IDENTITY] = {"identity",
			      "calls itself by the UUID or name of another owner's VM; it "
			      "is shown as its owner's own",
			      false},
	[REFUSAL_FILE] = {"file",
			  "a disk image cannot be opened without waiting, as one under a "
			  "lease; its virtual size is unknown",
			  false},
	[REFUSAL_SOCKET] = {"socket",
			    "does not listen on what it names as its guest agent's socket; "
			    "the agent is not asked",
			    false},
	[REFUSAL_HANG] = {"hang", "does not let itself be looked at; what needs that is left out",
			  false},
};

const char *refusal_name(enum refusal_reason reason)
{
	return reason < REFUSAL_MAX ? reasons[reason].name : "unknown";
}

char *refusal_text(const struct refusals *r, const struct refusal *refusal)
{
	g_autofree char *what = reasons[refusal->reason].share
					? g_strdup_printf("more than %" G_GUINT64_FORMAT " %s",
							  refusals_limit(r, refusal->reason),
							  reasons[refusal->reason].text)
					: g_strdup(reasons[refusal->reason].text);

	return g_strdup_printf("owner %s (uid %u), process %d: %s", refusal->owner, refusal->uid,
			       (int)refusal->pid, what);
}
