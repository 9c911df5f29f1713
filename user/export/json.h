/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON lines: of each snapshot one object for the host, then one for each VM.
 *
 *	{"time_ms":1700000000000,"seq":7,"metrics":{"host.vms":2,...},
 *	 "provider":[{"labels":{"provider":"libvirt"},"metrics":{...}}],...}
 *	{"time_ms":1700000000000,"seq":7,"vm":"web","uuid":"...","metrics":{"vm.up":1,...},
 *	 "vcpu":[{"labels":{"vcpu":"0"},"metrics":{"vm.cpu.core.usage":12.5}}],...}
 *
 * "metrics" are the values of the host or of the VM as a whole, by their dotted names; an array
 * is named by the scope of its entities, whose labels stand beside their values. Durations are
 * seconds. A histogram is {"count":n,"sum":s,"le":{"1.024e-06":n,...,"+Inf":n}}, summed up as in
 * Prometheus. What is unknown is left out, and so is a scope that has no value.
 */
#ifndef KVMLENS_EXPORT_JSON_H
#define KVMLENS_EXPORT_JSON_H

#include "metric/model.h"
#include "util/textbuf.h"

#define JSON_LINES_TYPE "application/x-ndjson"
#define JSON_TYPE "application/json"

/* Append a line for the host and one for each VM. */
void json_render_lines(const struct kvmlens_snapshot *snapshot, struct textbuf *out);

/* Append {"time_ms":...,"seq":...,"host":{...},"vms":[{...},...]}, of the same objects. */
void json_render_document(const struct kvmlens_snapshot *snapshot, struct textbuf *out);

#endif
