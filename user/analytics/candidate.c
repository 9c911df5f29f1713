/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/candidate.h"

#include <math.h>

/* The value one or more cycles before; beyond the first cycle the forecast itself repeats. */
static double cycle_before(const double *y, size_t n, unsigned cycle, unsigned h)
{
	return y[n - cycle + h % cycle];
}

static void predict_last(const struct candidate *c, const struct forecast_input *input, size_t n,
			 unsigned horizon, double *ret_values)
{
	for (unsigned h = 0; h < horizon; h++)
		ret_values[h] = cycle_before(input->y, n, c->cycle, h);
}

/* The mean of the last few cycles: four short ones or two long ones. */
static void predict_mean(const struct candidate *c, const struct forecast_input *input, size_t n,
			 unsigned horizon, double *ret_values)
{
	unsigned cycles = c->cycle == input->seasons.length[0] ? 4 : 2;

	for (unsigned h = 0; h < horizon; h++) {
		double sum = 0;

		for (unsigned k = 1; k <= cycles; k++)
			sum += input->y[n - (size_t)k * c->cycle + h % c->cycle];
		ret_values[h] = sum / cycles;
	}
}

/* How much of a change against the cycle before lasts to the next sample. */
static double persistence(const double *y, size_t n, unsigned cycle)
{
	double cross = 0, own = 0;

	for (size_t i = cycle + 1; i < n; i++) {
		double now = y[i] - y[i - cycle], before = y[i - 1] - y[i - 1 - cycle];

		cross += now * before;
		own += before * before;
	}
	return own > 0 ? fmin(fmax(cross / own, -0.99), 0.99) : 0;
}

/* The cycle before plus a change that dies away: autoregression of the seasonal difference. */
static void predict_change(const struct candidate *c, const struct forecast_input *input, size_t n,
			   unsigned horizon, double *ret_values)
{
	const double *y = input->y;
	double keep = persistence(y, n, c->cycle);
	double change = y[n - 1] - y[n - 1 - c->cycle];

	for (unsigned h = 0; h < horizon; h++) {
		double base = h < c->cycle ? y[n - c->cycle + h] : ret_values[h - c->cycle];

		change *= keep;
		ret_values[h] = base + change;
	}
}

static void predict_smoothing(const struct candidate *c, const struct forecast_input *input,
			      size_t n, unsigned horizon, double *ret_values)
{
	smoothing_predict(&c->smoothing, input->log_y ? input->log_y : input->y, n, &c->seasons,
			  horizon, ret_values);
	for (unsigned h = 0; input->log_y && h < horizon; h++)
		ret_values[h] = exp(ret_values[h]);
}

static const struct candidate_ops by_cycle[] = {
	{"last cycle", predict_last, false, 1},
	{"mean of cycles", predict_mean, false, 4},
	{"change of cycle", predict_change, false, 2},
};

static const struct candidate_ops smoothing_ops = {"smoothing", predict_smoothing, true, 0};

static unsigned add_smoothing(const struct forecast_input *input, size_t from, unsigned n_seasons,
			      struct candidate *ret_candidate)
{
	struct candidate c = {.ops = &smoothing_ops, .seasons = input->seasons};

	c.seasons.n = n_seasons;
	if (from < smoothing_need(&c.seasons) ||
	    smoothing_fit(input->log_y ? input->log_y : input->y, input->n, &c.seasons,
			  &c.smoothing))
		return 0;
	*ret_candidate = c;
	return 1;
}

static unsigned add_cycle(unsigned cycle, size_t from, struct candidate *ret_candidates)
{
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(by_cycle) / sizeof(by_cycle[0]); i++)
		if (from > (size_t)by_cycle[i].cycles * cycle)
			ret_candidates[n++] =
				(struct candidate){.ops = &by_cycle[i], .cycle = cycle};
	return n;
}

unsigned candidates_prepare(const struct forecast_input *input, size_t from,
			    struct candidate *ret_candidates)
{
	const struct seasons *seasons = &input->seasons;
	unsigned n = 0;

	for (unsigned k = 0; k < seasons->n; k++)
		n += add_cycle(seasons->length[k], from, &ret_candidates[n]);
	if (!n)
		n += add_cycle(1, from, &ret_candidates[n]);
	n += add_smoothing(input, from, seasons->n, &ret_candidates[n]);
	if (seasons->n > 1)
		n += add_smoothing(input, from, 1, &ret_candidates[n]);
	return n;
}
