#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/vfs.h>

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

void csystem_error_text(int code, char *text, size_t capacity) {
  snprintf(text, capacity, "%s", strerrordesc_np(code) ? strerrordesc_np(code) : "unknown error");
}

void csystem_name_thread(const char *name) {
  // A name that the kernel refuses is only a name.
  (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

int csystem_is_volatile(const char *path) {
  struct statfs status;
  if (statfs(path, &status) != 0) return -1;
  unsigned long type = (unsigned long)status.f_type & 0xFFFFFFFFul;
  return type == TMPFS_MAGIC || type == RAMFS_MAGIC;
}
