#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int csystem_loop_attach(int file, char *path, size_t capacity) {
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return -errno;
  int status = -EBUSY;
  // Another program may take the free device between the question and the attempt.
  for (int tries = 0; tries < 64 && status == -EBUSY; tries++) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) {
      status = -errno;
      break;
    }
    snprintf(path, capacity, "/dev/loop%d", number);
    int device = open(path, O_RDONLY | O_CLOEXEC);
    if (device < 0) {
      status = -errno;
      break;
    }
    struct loop_config config;
    memset(&config, 0, sizeof config);
    config.fd = (unsigned)file;
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    status = ioctl(device, LOOP_CONFIGURE, &config) < 0 ? -errno : device;
    if (status < 0) close(device);
  }
  close(control);
  return status;
}
