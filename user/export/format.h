/* SPDX-License-Identifier: Apache-2.0 */
/* Every text form that a snapshot can take, by name. */
#ifndef KVMLENS_EXPORT_FORMAT_H
#define KVMLENS_EXPORT_FORMAT_H

#include "config/config.h"
#include "metric/model.h"
#include "util/textbuf.h"

struct export_format {
	enum config_format id;
	const char *name; /* as in --format */
	const char *content_type;
	void (*render)(const struct kvmlens_snapshot *snapshot, struct textbuf *out);
};

/* Ended by a row without a name. */
extern const struct export_format export_formats[];

/* NULL: no snapshot takes this form (auto, markdown, none). */
const struct export_format *export_format_get(enum config_format id);

#endif
