/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/envelope.h"

#include <math.h>

#define ENVELOPE_MIN_SAMPLES 20

bool envelope_excess(const struct envelope_bin *bins, unsigned n, unsigned hour, unsigned visits,
		     double value, double *ret_excess)
{
	double low = INFINITY, high = -INFINITY;
	unsigned samples = 0;

	for (unsigned i = 0; i < 3; i++) {
		const struct envelope_bin *bin = &bins[(hour + n - 1 + i) % n];

		if (bin->visits < visits)
			return false;
		samples += bin->samples;
		low = fmin(low, bin->low);
		high = fmax(high, bin->high);
	}
	if (samples <= ENVELOPE_MIN_SAMPLES)
		return false;
	*ret_excess = value > high ? value - high : value < low ? value - low : 0;
	return true;
}

void envelope_learn(struct envelope_bin *bin, double value, bool first, double mean, double ease)
{
	if (!bin->samples) {
		bin->low = bin->high = (float)value;
	} else if (first) {
		bin->low += (float)(ease * (mean - bin->low));
		bin->high += (float)(ease * (mean - bin->high));
	}
	bin->low = fminf(bin->low, (float)value);
	bin->high = fmaxf(bin->high, (float)value);
	if (bin->samples < UINT16_MAX)
		bin->samples++;
}

bool envelope_valid(const struct envelope_bin *bins, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!isfinite(bins[i].low) || !isfinite(bins[i].high) || bins[i].low > bins[i].high)
			return false;
	return true;
}
