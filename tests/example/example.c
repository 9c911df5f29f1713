/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collector with a provider of its own: it names processes of any VMM as VMs.
 * Usage: example NAME=PID...
 * Prints every value of four seconds' snapshots.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <kvmlens.h>

static int example_open(const char *uri, void *arg, void **ret_ctx)
{
	*ret_ctx = arg; /* the arguments, NULL after the last */
	return 0;
}

static int example_list(void *ctx, kvmlens_list_fn add, void *arg)
{
	char name[64];
	struct kvmlens_vm vm = {.name = name, .state = KVMLENS_VM_RUNNING};
	int err = 0;

	for (char **argument = ctx; *argument && !err; argument++) {
		if (sscanf(*argument, "%63[^=]=%d", name, &vm.pid) != 2)
			return -EINVAL;
		vm.id = *argument;
		err = add(arg, &vm);
	}
	return err;
}

static int example_stats(void *ctx, const char *id, enum kvmlens_level level,
			 struct kvmlens_vm_stats *stats)
{
	stats->state = KVMLENS_VM_RUNNING;
	return 0;
}

static void example_close(void *ctx)
{
}

static const struct kvmlens_provider_ops example_provider = {
	.name = "example",
	.open = example_open,
	.list = example_list,
	.stats = example_stats,
	.close = example_close,
};

static int print_sample(void *arg, const struct kvmlens_sample *sample)
{
	printf("%s", sample->metric);
	for (size_t i = 0; i < sample->n_labels; i++)
		printf(" %s=%s", sample->labels[i].key, sample->labels[i].value);
	return printf(" %.17g\n", sample->value) < 0;
}

static void print_snapshot(void *arg, const struct kvmlens_snapshot *snapshot)
{
	printf("snapshot %lld\n", (long long)kvmlens_snapshot_time(snapshot));
	kvmlens_snapshot_walk(snapshot, print_sample, NULL);
}

int main(int argc, char **argv)
{
	struct kvmlens_collector *collector = NULL;
	struct kvmlens_config config;
	int err;

	kvmlens_config_init(&config);
	config.interval_ms = 1000;
	config.provider = &example_provider;
	config.provider_arg = argv + 1;
	err = kvmlens_collector_new(&config, &collector);
	if (!err)
		err = kvmlens_collector_add_sink(collector, print_snapshot, NULL);
	if (!err)
		err = kvmlens_collector_start(collector);
	if (!err)
		sleep(4);
	else
		fprintf(stderr, "kvmlens: %s\n", strerror(-err));
	kvmlens_collector_stop(collector);
	kvmlens_collector_free(collector);
	return err ? 1 : 0;
}
