#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <sys/random.h>

int csystem_getrandom(void *bytes, size_t length) {
  unsigned char *next = bytes;
  while (length > 0) {
    ssize_t got = getrandom(next, length, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    next += got;
    length -= (size_t)got;
  }
  return 0;
}
