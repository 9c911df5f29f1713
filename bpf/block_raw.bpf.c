// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* block.bpf.c for kernels that refuse BTF-typed tracepoints: same maps, probe reads. */
#define KVMLENS_RAW
#include "block.bpf.c"
