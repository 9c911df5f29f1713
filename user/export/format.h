/* SPDX-License-Identifier: Apache-2.0 */
/* Every text form that a snapshot can take, by name. */
#ifndef KVMLENS_EXPORT_FORMAT_H
#define KVMLENS_EXPORT_FORMAT_H

#include "metric/model.h"
#include "util/textbuf.h"

struct export_format {
	const char *name; /* as in --format */
	const char *content_type;
	void (*render)(const struct kvmlens_snapshot *snapshot, struct textbuf *out);
};

/* Ended by a row without a name. */
extern const struct export_format export_formats[];

/* NULL: there is none of this name. */
const struct export_format *export_format_find(const char *name);

#endif
