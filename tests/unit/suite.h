/* SPDX-License-Identifier: Apache-2.0 */
/* The main() of a test program: one suite. */
#ifndef KVMLENS_TESTS_SUITE_H
#define KVMLENS_TESTS_SUITE_H

#include <CUnit/Basic.h>

/* Run tests (ended by CU_TEST_INFO_NULL), print CUnit's summary, return main()'s result. */
int suite_run(const char *name, CU_TestInfo *tests);

#endif
