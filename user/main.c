// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

int main(void)
{
	puts("kvmlens " KVMLENS_VERSION);
	return 0;
}
