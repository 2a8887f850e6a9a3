#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// These also run between clone and exec, where the other threads' locks may be held for ever: system
// calls only, nothing of the C library that takes a lock or allocates.

static int result(long value) { return value < 0 ? -errno : (int)value; }

int csystem_unshare(uint64_t namespaces) { return result(unshare((int)namespaces)); }

int csystem_setns(int descriptor, int kind) { return result(setns(descriptor, kind)); }

int csystem_mount(const struct csystem_mount *m) {
  return result(mount(m->source, m->target, m->type, m->flags, m->data));
}

int csystem_unmount(const char *target, int flags) { return result(umount2(target, flags)); }

int csystem_pivot_root(const char *path, int read_only) {
  if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) return -errno;
  unsigned long closed = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
  if (read_only && mount(NULL, path, NULL, closed, NULL) < 0) return -errno;
  if (chdir(path) < 0) return -errno;
  // Old and new root on one folder: the old one ends up stacked below, and is let go of at once.
  if (syscall(SYS_pivot_root, ".", ".") < 0) return -errno;
  if (umount2(".", MNT_DETACH) < 0) return -errno;
  return result(chdir("/"));
}

int csystem_chroot(const char *path) {
  if (chroot(path) < 0) return -errno;
  return result(chdir("/"));
}

int csystem_set_host_name(const char *name) { return result(sethostname(name, strlen(name))); }

int csystem_set_limit(const struct csystem_limit *limit) {
  struct rlimit values = {.rlim_cur = limit->soft, .rlim_max = limit->hard};
  return result(setrlimit((__rlimit_resource_t)limit->resource, &values));
}

int csystem_set_identity(uid_t user, gid_t group) {
  // Raw calls: the C library's would signal every thread it knows of, and after clone they are not there.
  if (syscall(SYS_setgroups, 0, NULL) < 0) return -errno;
  if (syscall(SYS_setresgid, group, group, group) < 0) return -errno;
  return result(syscall(SYS_setresuid, user, user, user));
}

int csystem_drop_bounding_set(void) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) return -errno;
  return 0;
}

int csystem_drop_capabilities(void) {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  return result(syscall(SYS_capset, &header, none));
}

int csystem_set_death_signal(int signal) { return result(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)); }

int csystem_no_new_privileges(void) { return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int csystem_set_undumpable(void) { return result(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

int csystem_set_filter(const void *instructions, uint16_t count) {
  struct sock_fprog program = {.len = count, .filter = (struct sock_filter *)instructions};
  return result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

int csystem_close_from(unsigned first) { return result(syscall(SYS_close_range, first, ~0u, 0)); }

int csystem_close_from_on_exec(unsigned first) {
  return result(syscall(SYS_close_range, first, ~0u, CLOSE_RANGE_CLOEXEC));
}

int csystem_power_off(void) {
  sync();
  return result(reboot(RB_POWER_OFF));
}

int csystem_restart(void) {
  sync();
  return result(reboot(RB_AUTOBOOT));
}

int csystem_load_module(int descriptor) {
  return result(syscall(SYS_finit_module, descriptor, "", 0));
}

int csystem_make_device(const char *path, mode_t mode, unsigned major, unsigned minor) {
  if (mknod(path, S_IFCHR | mode, makedev(major, minor)) < 0) return -errno;
  // The mode above is subject to the umask.
  return result(chmod(path, mode));
}
