/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of metrics, from their table. */
#ifndef KVMLENS_CLI_CATALOG_H
#define KVMLENS_CLI_CATALOG_H

#include <stdio.h>

void catalog_table(FILE *out);
void catalog_json(FILE *out);

/* What a Linux guest, esxtop, libvirt and Hyper-V call the times of a vCPU. */
void catalog_words(FILE *out);

/* The manual page kvmlens-metrics(7), in roff. */
void catalog_man(FILE *out);

/* For the documentation: a Markdown table for each group. */
void catalog_markdown(FILE *out);

#endif
