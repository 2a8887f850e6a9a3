#pragma once
// The Linux kernel interface that Glibc's Swift overlay leaves out. Declarations only; feature-test
// macros live in the .c file, since defining them here would break other modules.
#include <stdint.h>
#include <sys/types.h>

/// Fills `length` bytes from the kernel's generator; 0, or -1 with errno.
int csystem_getrandom(void *bytes, size_t length);
