/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of one channel; deliver.h is what others see of it. */
#ifndef KVMLENS_ALERT_COURIER_H
#define KVMLENS_ALERT_COURIER_H

#include "alert/deliver.h"
#include "alert/ledger.h"
#include "alert/sender.h"
#include "metric/labels.h"

/* What was put into memory, because the store failed, is older than what is in the store now. */
enum { LEDGER_MEMORY, LEDGER_STORE, LEDGERS };

struct courier {
	struct config_channel *channel; /* a copy of its own */
	const char *node, *link;
	struct ledger *ledgers; /* LEDGERS of them, all couriers' */
	unsigned retry_first_ms;
	struct labels *labels; /* channel */
	struct sender sender;
	GThread *thread;
	GMutex lock; /* guards what follows */
	GCond cond;
	bool stop, poked, busy; /* busy: something is being sent */
	struct deliver_state state;
	struct queue_stats queues[LEDGERS];
	/* The thread's own, in monotonic microseconds where it is a time. */
	gint64 resume_us; /* no attempt before; 0: none failed */
	gint64 again_us; /* when what fires is told again */
	unsigned failed; /* attempts in a row */
	bool configured[LEDGERS]; /* the queue knows its limits */
	struct {
		gint64 batch; /* 0: none */
		enum queue_fate fate;
	} unsettled[LEDGERS]; /* sent, but not yet marked so */
};

/* It does nothing until it is started. node, link and the ledgers outlive it. Never NULL. */
struct courier *courier_new(const struct config_channel *channel, const char *node,
			    const char *link, struct ledger *ledgers, unsigned retry_first_ms);

/* -EAGAIN: no thread could be made. */
int courier_start(struct courier *courier);
void courier_poke(struct courier *courier);

/*
 * Ask for the end; then wait for it, until an end of the sender's that comes after two seconds, and
 * free it.
 */
void courier_ask_stop(struct courier *courier);
void courier_free(struct courier *courier);

#endif
