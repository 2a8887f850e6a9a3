#define _GNU_SOURCE
#include "CSystem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int result(int value) { return value < 0 ? -errno : value; }

/// Closes without touching the error that led here.
static int fail(int descriptor) {
  int error = errno;
  close(descriptor);
  return -error;
}

int csystem_pipe(int ends[2]) { return result(pipe2(ends, O_CLOEXEC | O_NONBLOCK)); }

int csystem_socketpair(int ends[2]) {
  return result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
}

int csystem_memfd(const char *name) {
  return result(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

int csystem_memfd_seal(int descriptor) {
  return result(
      fcntl(descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
}

int csystem_set_nonblocking(int descriptor, int nonblocking) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return -errno;
  flags = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  return result(fcntl(descriptor, F_SETFL, flags));
}

int csystem_close(int descriptor) {
  // On Linux the descriptor is gone even when close is interrupted: retrying would close another's.
  return close(descriptor) < 0 && errno != EINTR ? -errno : 0;
}

ssize_t csystem_read(int descriptor, void *bytes, size_t count) {
  ssize_t got;
  do got = read(descriptor, bytes, count);
  while (got < 0 && errno == EINTR);
  return got < 0 ? -errno : got;
}

ssize_t csystem_write(int descriptor, const void *bytes, size_t count) {
  ssize_t put;
  do put = write(descriptor, bytes, count);
  while (put < 0 && errno == EINTR);
  return put < 0 ? -errno : put;
}

ssize_t csystem_send(int descriptor, const void *bytes, size_t count) {
  ssize_t put;
  do put = send(descriptor, bytes, count, MSG_NOSIGNAL);
  while (put < 0 && errno == EINTR);
  return put < 0 ? -errno : put;
}

int csystem_open_beneath(int folder, const char *path, int flags, mode_t mode) {
  struct open_how how = {
      .flags = (uint64_t)(flags | O_CLOEXEC),
      .mode = mode,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
  };
  long opened;
  // EAGAIN: a rename raced with the walk, and the kernel could not rule out an escape.
  do opened = syscall(SYS_openat2, folder, path, &how, sizeof how);
  while (opened < 0 && (errno == EINTR || errno == EAGAIN));
  return result((int)opened);
}

static socklen_t to_kernel(const struct csystem_address *address, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  if (address->family == 6) {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(address->port);
    memcpy(&six->sin6_addr, address->bytes, 16);
    return sizeof *six;
  }
  struct sockaddr_in *four = (struct sockaddr_in *)out;
  four->sin_family = AF_INET;
  four->sin_port = htons(address->port);
  memcpy(&four->sin_addr, address->bytes, 4);
  return sizeof *four;
}

static void from_kernel(const struct sockaddr_storage *in, struct csystem_address *address) {
  memset(address, 0, sizeof *address);
  if (in->ss_family == AF_INET6) {
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)in;
    address->family = 6;
    address->port = ntohs(six->sin6_port);
    memcpy(address->bytes, &six->sin6_addr, 16);
  } else {
    const struct sockaddr_in *four = (const struct sockaddr_in *)in;
    address->family = 4;
    address->port = ntohs(four->sin_port);
    memcpy(address->bytes, &four->sin_addr, 4);
  }
}

static int tcp_socket(const struct csystem_address *address) {
  int family = address->family == 6 ? AF_INET6 : AF_INET;
  int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  return result(descriptor);
}

int csystem_tcp_listen(const struct csystem_address *address, int backlog) {
  struct sockaddr_storage name;
  socklen_t length = to_kernel(address, &name);
  int on = 1;
  int descriptor = tcp_socket(address);
  if (descriptor < 0) return descriptor;
  // A restarted node must not wait for its own connections in TIME_WAIT.
  if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return fail(descriptor);
  if (address->family == 6 &&
      setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
    return fail(descriptor);
  if (bind(descriptor, (struct sockaddr *)&name, length) < 0) return fail(descriptor);
  if (listen(descriptor, backlog) < 0) return fail(descriptor);
  return descriptor;
}

int csystem_tcp_connect(const struct csystem_address *address) {
  struct sockaddr_storage name;
  socklen_t length = to_kernel(address, &name);
  int on = 1;
  int descriptor = tcp_socket(address);
  if (descriptor < 0) return descriptor;
  if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) return fail(descriptor);
  if (connect(descriptor, (struct sockaddr *)&name, length) < 0 && errno != EINPROGRESS &&
      errno != EINTR)
    return fail(descriptor);
  return descriptor;
}

int csystem_accept(int listener, struct csystem_address *peer) {
  struct sockaddr_storage name;
  int descriptor;
  do {
    socklen_t length = sizeof name;
    memset(&name, 0, sizeof name);
    descriptor =
        accept4(listener, (struct sockaddr *)&name, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    // A connection that died in the queue says nothing about the next one.
  } while (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED));
  if (descriptor < 0) return -errno;
  from_kernel(&name, peer);
  if (name.ss_family == AF_INET || name.ss_family == AF_INET6) {
    int on = 1;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
      return fail(descriptor);
  }
  return descriptor;
}

int csystem_end_sending(int descriptor) { return result(shutdown(descriptor, SHUT_WR)); }

int csystem_loopback_up(void) {
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) return -errno;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  if (ioctl(control, SIOCGIFFLAGS, &request) < 0) return fail(control);
  request.ifr_flags |= IFF_UP;
  if (ioctl(control, SIOCSIFFLAGS, &request) < 0) return fail(control);
  return result(close(control));
}

int csystem_local_address(int descriptor, struct csystem_address *address) {
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  if (getsockname(descriptor, (struct sockaddr *)&name, &length) < 0) return -errno;
  from_kernel(&name, address);
  return 0;
}

int csystem_socket_error(int descriptor) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
  return -error;
}

int csystem_set_buffers(int descriptor, int receive_count, int send_count) {
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive_count, sizeof receive_count) < 0)
    return -errno;
  return result(setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &send_count, sizeof send_count));
}

static int unix_name(const char *name, size_t count, struct sockaddr_un *out, socklen_t *length) {
  memset(out, 0, sizeof *out);
  out->sun_family = AF_UNIX;
  if (count == 0 || count >= sizeof out->sun_path) return -ENAMETOOLONG;
  memcpy(out->sun_path, name, count);
  // A path ends with a zero byte; an abstract name is exactly its bytes.
  *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count + (name[0] == 0 ? 0 : 1));
  return 0;
}

int csystem_unix_listen(const char *name, size_t count, int backlog) {
  struct sockaddr_un address;
  socklen_t length;
  int refused = unix_name(name, count, &address, &length);
  if (refused) return refused;
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  if (bind(descriptor, (struct sockaddr *)&address, length) < 0) return fail(descriptor);
  if (listen(descriptor, backlog) < 0) return fail(descriptor);
  return descriptor;
}

int csystem_unix_connect(const char *name, size_t count) {
  struct sockaddr_un address;
  socklen_t length;
  int refused = unix_name(name, count, &address, &length);
  if (refused) return refused;
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  if (connect(descriptor, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS)
    return fail(descriptor);
  return descriptor;
}

int csystem_peer_user(int descriptor, uid_t *user, gid_t *group) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
  *user = credentials.uid;
  *group = credentials.gid;
  return 0;
}
