// SPDX-License-Identifier: MIT
/* Thirty CO-RE programs. */
#include "load.h"

TEN(1)
TEN(2)
TEN(3)

char LICENSE[] SEC("license") = "Dual MIT/GPL";
