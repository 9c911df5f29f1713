/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_data.h"

#include <glib.h>
#include <math.h>
#include <stdio.h>

char *bench_data_folder(const char *argument, const char *name)
{
	const char *base = g_getenv("KVMLENS_DATA");
	char *folder;

	if (argument)
		folder = g_strdup(argument);
	else
		folder = g_build_filename(base ? base : "../shared/data", name, NULL);
	if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
		g_clear_pointer(&folder, g_free);
	return folder;
}

int bench_data_skip(const char *name)
{
	printf("no benchmark data: set KVMLENS_DATA to the folder that has %s/\n", name);
	return EXIT_SKIP;
}

/* splitmix64 */
static uint64_t next(struct noise *noise)
{
	uint64_t z = noise->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

double noise_uniform(struct noise *noise)
{
	return (double)(next(noise) >> 11) * 0x1p-53;
}

double noise_gauss(struct noise *noise)
{
	double radius = sqrt(-2 * log(1 - noise_uniform(noise)));

	return radius * cos(2 * M_PI * noise_uniform(noise));
}
