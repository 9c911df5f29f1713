/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/smoothing.h"

#include <errno.h>
#include <glib.h>
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <string.h>

#define FIT_ROUNDS 160
#define FIT_SIZE 0.02
/* Where level and seasons come from at first, without longer cycles. */
#define FIRST_CYCLES 2

struct state {
	double level, trend, error;
	double season[FORECAST_SEASONS][FORECAST_SEASON_MAX];
	unsigned at[FORECAST_SEASONS]; /* phase of the next sample */
};

static size_t first_span(const struct seasons *seasons)
{
	if (!seasons->n)
		return FIRST_CYCLES;
	return (seasons->n == 1 ? FIRST_CYCLES : 1) * (size_t)seasons->length[seasons->n - 1];
}

size_t smoothing_need(const struct seasons *seasons)
{
	return 2 * first_span(seasons) + 8;
}

static double mean(const double *y, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += y[i];
	return sum / n;
}

/* What the level and the cycles before leave over, averaged by phase. */
static void begin_season(struct state *s, const struct seasons *seasons, unsigned k,
			 const double *y, size_t span)
{
	unsigned m = seasons->length[k];

	for (unsigned phase = 0; phase < m; phase++) {
		double sum = 0;
		unsigned n = 0;

		for (size_t i = phase; i < span; i += m, n++) {
			sum += y[i] - s->level;
			for (unsigned j = 0; j < k; j++)
				sum -= s->season[j][i % seasons->length[j]];
		}
		s->season[k][phase] = n ? sum / n : 0;
	}
	s->at[k] = span % m;
}

static void begin(struct state *s, const struct seasons *seasons, const double *y)
{
	size_t span = first_span(seasons);

	s->level = mean(y, span);
	s->trend = s->error = 0;
	for (unsigned k = 0; k < seasons->n; k++)
		begin_season(s, seasons, k, y, span);
}

static void advance(struct state *s, const struct seasons *seasons)
{
	for (unsigned k = 0; k < seasons->n; k++)
		if (++s->at[k] == seasons->length[k])
			s->at[k] = 0;
}

/* Take in one sample; returns the error of its one-step forecast. */
static double step(struct state *s, const struct smoothing *w, const struct seasons *seasons,
		   double y)
{
	double trend = w->damping * s->trend;
	double base = s->level + trend;
	double error;

	for (unsigned k = 0; k < seasons->n; k++)
		base += s->season[k][s->at[k]];
	error = y - base - w->error * s->error;
	s->level += trend + w->level * error;
	s->trend = trend + w->level * w->trend * error;
	for (unsigned k = 0; k < seasons->n; k++)
		s->season[k][s->at[k]] += w->season[k] * error;
	s->error = y - base;
	advance(s, seasons);
	return error;
}

struct fit {
	const double *y;
	size_t n;
	const struct seasons *seasons;
	struct state *state;
};

static double squeeze(double x)
{
	return 1 / (1 + exp(-x));
}

static struct smoothing unpack(const gsl_vector *x, const struct seasons *seasons)
{
	struct smoothing w = {
		.level = squeeze(gsl_vector_get(x, 0)),
		.trend = 0.3 * squeeze(gsl_vector_get(x, 1)),
		.damping = 0.98 * squeeze(gsl_vector_get(x, 2)),
		.error = 0.98 * squeeze(gsl_vector_get(x, 3)),
	};

	for (unsigned k = 0; k < seasons->n; k++)
		w.season[k] = squeeze(gsl_vector_get(x, 4 + k));
	return w;
}

static double cost(const gsl_vector *x, void *arg)
{
	const struct fit *fit = arg;
	struct smoothing w = unpack(x, fit->seasons);
	size_t span = first_span(fit->seasons);
	double sum = 0;

	begin(fit->state, fit->seasons, fit->y);
	for (size_t i = span; i < fit->n; i++) {
		double e = step(fit->state, &w, fit->seasons, fit->y[i]);

		if (i >= 2 * span)
			sum += e * e;
	}
	return isfinite(sum) ? sum : 1e300;
}

/* Where the search begins: logits of 0.1, 0.03, 0.88, 0.5 and 0.12 for each season. */
static gsl_vector *first_guess(unsigned n_seasons)
{
	static const double guess[] = {-2.2, -2.2, 2, 0, -2, -2, -2};
	gsl_vector *x = gsl_vector_alloc(4 + n_seasons);

	for (unsigned i = 0; x && i < 4 + n_seasons; i++)
		gsl_vector_set(x, i, guess[i]);
	return x;
}

static void minimise(gsl_multimin_fminimizer *search, gsl_multimin_function *function,
		     const gsl_vector *from, const gsl_vector *steps)
{
	gsl_multimin_fminimizer_set(search, function, from, steps);
	for (unsigned i = 0; i < FIT_ROUNDS; i++) {
		if (gsl_multimin_fminimizer_iterate(search))
			break;
		if (gsl_multimin_fminimizer_size(search) < FIT_SIZE)
			break;
	}
}

int smoothing_fit(const double *y, size_t n, const struct seasons *seasons,
		  struct smoothing *ret_smoothing)
{
	g_autofree struct state *state = g_new0(struct state, 1);
	struct fit fit = {y, n, seasons, state};
	unsigned dims = 4 + seasons->n;
	gsl_multimin_function function = {.f = cost, .n = dims, .params = &fit};
	gsl_multimin_fminimizer *search =
		gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, dims);
	gsl_vector *from = first_guess(seasons->n), *steps = gsl_vector_alloc(dims);
	int error = -ENOMEM;

	if (search && from && steps) {
		gsl_vector_set_all(steps, 1.5);
		minimise(search, &function, from, steps);
		*ret_smoothing = unpack(gsl_multimin_fminimizer_x(search), seasons);
		error = 0;
	}
	if (search)
		gsl_multimin_fminimizer_free(search);
	gsl_vector_free(from);
	gsl_vector_free(steps);
	return error;
}

void smoothing_predict(const struct smoothing *smoothing, const double *y, size_t n,
		       const struct seasons *seasons, unsigned horizon, double *ret_values)
{
	g_autofree struct state *s = g_new0(struct state, 1);
	double trend = 0, damping = smoothing->damping, error;

	begin(s, seasons, y);
	for (size_t i = first_span(seasons); i < n; i++)
		step(s, smoothing, seasons, y[i]);
	error = s->error;
	for (unsigned h = 0; h < horizon; h++) {
		trend += damping * s->trend;
		damping *= smoothing->damping;
		error *= smoothing->error;
		ret_values[h] = s->level + trend + error;
		for (unsigned k = 0; k < seasons->n; k++)
			ret_values[h] += s->season[k][s->at[k]];
		advance(s, seasons);
	}
}
