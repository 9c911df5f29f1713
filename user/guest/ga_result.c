// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_result.h"

struct ga_result *ga_result_new(void)
{
	struct ga_result *result = g_new0(struct ga_result, 1);

	result->ref = 1;
	return result;
}

struct ga_result *ga_result_ref(struct ga_result *result)
{
	g_atomic_int_inc(&result->ref);
	return result;
}

void ga_result_unref(struct ga_result *result)
{
	if (!result || !g_atomic_int_dec_and_test(&result->ref))
		return;
	guest_view_unref(result->view);
	g_free(result->nics);
	g_free(result);
}
