// SPDX-License-Identifier: Apache-2.0
#include "core/nic_rates.h"

#include "core/rates.h"

#define COUNTERS (sizeof(struct nic_counters) / sizeof(uint64_t))

_Static_assert(sizeof(struct nic_rates) / sizeof(double) == COUNTERS,
	       "each counter of an interface has its rate");

/* Labels are made once for each interface of a VM. */
static const struct snap_nic *find(const struct snap_vm *vm, const struct labels *labels)
{
	for (size_t i = 0; vm && i < vm->nics.n; i++) {
		const struct snap_nic *nic = entities_at(&vm->nics, i);

		if (nic->labels == labels)
			return nic;
	}
	return NULL;
}

/* Counters are read apart from the tick: what matters is when they were read. */
static void derive(struct snap_nic *nic, const struct snap_nic *was)
{
	const uint64_t *now = (const uint64_t *)&nic->count;
	uint64_t ns = was && nic->mono_ns > was->mono_ns ? nic->mono_ns - was->mono_ns : 0;
	double *rate = (double *)&nic->rate;

	if (was && nic->mono_ns == was->mono_ns) {
		nic->rate = was->rate; /* nothing new has come since */
		return;
	}
	for (size_t i = 0; i < COUNTERS; i++)
		rate[i] =
			was ? rate_per_second(now[i], ((const uint64_t *)&was->count)[i], ns) : NAN;
}

/* One that is not known yet does not hide the others. */
static void add(double *sum, double rate)
{
	if (isnan(rate))
		return;
	*sum = isnan(*sum) ? rate : *sum + rate;
}

void nic_rates_derive(struct snap_vm *vm, const struct snap_vm *before)
{
	vm->network = (struct snap_network){NAN, NAN, NAN};
	for (size_t i = 0; i < vm->nics.n; i++) {
		struct snap_nic *nic = entities_at(&vm->nics, i);

		derive(nic, find(before, nic->labels));
		add(&vm->network.rx_bytes, nic->rate.rx_bytes);
		add(&vm->network.tx_bytes, nic->rate.tx_bytes);
		add(&vm->network.dropped, nic->rate.rx_dropped);
		add(&vm->network.dropped, nic->rate.tx_dropped);
	}
}
