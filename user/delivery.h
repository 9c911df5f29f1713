/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's delivery of alerts: its channels, what they say of themselves, and the log of it. */
#ifndef KVMLENS_DELIVERY_H
#define KVMLENS_DELIVERY_H

#include "alert/deliver.h"
#include "config/config.h"
#include "core/collector.h"
#include "util/log.h"

struct delivery;

/*
 * Register at the collector, before it is started. What is doubtful about rules and channels is
 * logged. config and log must outlive it. *ret_delivery is set on failure as well.
 */
int delivery_open(const struct config *config, struct log *log, struct kvmlens_collector *collector,
		  struct delivery **ret_delivery);

/* Start to deliver, with the rights that are left. store NULL: what waits is kept in memory. */
int delivery_start(struct delivery *delivery, struct store *store);

/* Other channels from now on. */
void delivery_reload(struct delivery *delivery, const struct config *config);

/* Whom to tell that something was queued; NULL: not started. */
struct deliver *delivery_deliver(const struct delivery *delivery);

/* After the collector is freed, before the store is. NULL is ignored. */
void delivery_close(struct delivery *delivery);

#endif
