#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

_Static_assert(csystem_event_read == EPOLLIN, "EPOLLIN");
_Static_assert(csystem_event_write == EPOLLOUT, "EPOLLOUT");
_Static_assert(csystem_event_error == EPOLLERR, "EPOLLERR");
_Static_assert(csystem_event_hangup == EPOLLHUP, "EPOLLHUP");
_Static_assert(csystem_event_peer_closed == EPOLLRDHUP, "EPOLLRDHUP");

static int result(int value) { return value < 0 ? -errno : value; }

int csystem_epoll_create(void) { return result(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data.u64 = token};
  return result(epoll_ctl(epoll, operation, descriptor, &event));
}

int csystem_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token) {
  return control(epoll, EPOLL_CTL_ADD, descriptor, events, token);
}

int csystem_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t token) {
  return control(epoll, EPOLL_CTL_MOD, descriptor, events, token);
}

int csystem_epoll_remove(int epoll, int descriptor) {
  return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0);
}

int csystem_epoll_wait(int epoll, struct csystem_event *events, int capacity, int64_t timeout_ns) {
  struct epoll_event packed[csystem_event_capacity];
  if (capacity > csystem_event_capacity) capacity = csystem_event_capacity;
  struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
  int count = epoll_pwait2(epoll, packed, capacity, timeout_ns < 0 ? NULL : &timeout, NULL);
  if (count < 0 && errno == ENOSYS) {
    // Before Linux 5.11: whole milliseconds, rounded up so that a timer is never early.
    int64_t ms = timeout_ns < 0 ? -1 : (timeout_ns + 999999) / 1000000;
    count = epoll_wait(epoll, packed, capacity, ms > INT32_MAX ? INT32_MAX : (int)ms);
  }
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int index = 0; index < count; index++) {
    events[index].events = packed[index].events;
    events[index].token = packed[index].data.u64;
  }
  return count;
}

int csystem_eventfd(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int csystem_eventfd_signal(int descriptor) {
  uint64_t one = 1;
  // EAGAIN means that the counter is full, so the reader is certain to wake.
  if (write(descriptor, &one, sizeof one) < 0 && errno != EAGAIN) return -errno;
  return 0;
}

int csystem_eventfd_drain(int descriptor) {
  uint64_t count;
  if (read(descriptor, &count, sizeof count) < 0 && errno != EAGAIN) return -errno;
  return 0;
}

static void fill(sigset_t *set, const int *signals, size_t count) {
  sigemptyset(set);
  for (size_t index = 0; index < count; index++) sigaddset(set, signals[index]);
}

int csystem_block_signals(const int *signals, size_t count) {
  sigset_t set;
  fill(&set, signals, count);
  return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int csystem_signalfd(const int *signals, size_t count) {
  sigset_t set;
  fill(&set, signals, count);
  return result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int csystem_signalfd_read(int descriptor) {
  struct signalfd_siginfo info;
  if (read(descriptor, &info, sizeof info) < 0) return -errno;
  return (int)info.ssi_signo;
}

uint64_t csystem_monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t csystem_wall_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t csystem_processor_ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return 0;
#endif
}
