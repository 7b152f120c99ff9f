// SPDX-License-Identifier: MIT
/* Ten CO-RE programs. */
#include "load.h"

TEN(1)

char LICENSE[] SEC("license") = "Dual MIT/GPL";
