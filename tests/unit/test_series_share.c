// SPDX-License-Identifier: Apache-2.0
/* The series of ordinary owners, counted by what a walk of the snapshot shows. */
#include <string.h>
#include "core/series_share.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

#define VMS 5

struct tally {
	const char *uuid;
	uint64_t n;
};

static int tally_sample(void *arg, const struct kvmlens_sample *sample)
{
	struct tally *tally = arg;

	for (size_t i = 0; i < sample->n_labels; i++)
		tally->n += !strcmp(sample->labels[i].key, "uuid") &&
			    !strcmp(sample->labels[i].value, tally->uuid);
	return 0;
}

static uint64_t shown(const struct kvmlens_snapshot *snapshot, unsigned v)
{
	const struct snap_vm *vm = entities_at(&snapshot->vms, v);
	struct tally tally = {vm->ident->uuid, 0};

	kvmlens_snapshot_walk(snapshot, tally_sample, &tally);
	return tally.n;
}

/* VM 0 is root's, 1 to 3 are ann's, 3 the eldest, 4 is bob's. */
static struct kvmlens_snapshot *make(void)
{
	struct fake_spec spec = {
		.vms = VMS, .vcpus = 4, .level = KVMLENS_DETAILED, .everything = true};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);

	for (unsigned v = 1; v < VMS; v++) {
		struct snap_vm *vm = entities_at(&snapshot->vms, v);

		vm->ident->owner.ordinary = true;
		vm->ident->start_ns = 1000 - v;
		g_strlcpy(vm->ident->owner.name, v < 4 ? "ann" : "bob", OWNER_NAME_MAX);
	}
	return snapshot;
}

static void test_share(void)
{
	struct kvmlens_snapshot *snapshot = make();
	uint64_t before[VMS];
	struct refusals *refusals;
	struct refusal refusal;

	for (unsigned v = 0; v < VMS; v++)
		before[v] = shown(snapshot, v);
	refusals = refusals_new(
		&(struct config_owner_limits){.series = (unsigned)(before[3] + before[2] + 50)});
	series_share_apply(snapshot, refusals);
	CU_ASSERT_EQUAL(shown(snapshot, 0), before[0]);
	CU_ASSERT_EQUAL(shown(snapshot, 3), before[3]);
	CU_ASSERT_EQUAL(shown(snapshot, 2), before[2]);
	CU_ASSERT_EQUAL(shown(snapshot, 4), before[4]);
	CU_ASSERT_TRUE(shown(snapshot, 1) > 10);
	CU_ASSERT_TRUE(shown(snapshot, 1) < before[1] / 2);
	CU_ASSERT_TRUE(refusals_next_unnamed(refusals, &refusal));
	CU_ASSERT_EQUAL(refusal.reason, REFUSAL_SERIES);
	CU_ASSERT_STRING_EQUAL(refusal.owner, "ann");
	CU_ASSERT_FALSE(refusals_next_unnamed(refusals, &refusal));
	refusals_free(refusals);
	kvmlens_snapshot_unref(snapshot);
}

static void test_no_limit(void)
{
	struct kvmlens_snapshot *snapshot = make();
	uint64_t before = shown(snapshot, 1);

	series_share_apply(snapshot, NULL);
	CU_ASSERT_EQUAL(shown(snapshot, 1), before);
	kvmlens_snapshot_unref(snapshot);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"the youngest lose their parts", test_share},
		{"without limits", test_no_limit},
		CU_TEST_INFO_NULL,
	};

	return suite_run("series share", tests);
}
