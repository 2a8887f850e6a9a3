#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// `SpawnPlan` has these as numbers, since Swift does not import them.
_Static_assert(CLONE_NEWNS == 0x00020000 && CLONE_NEWCGROUP == 0x02000000, "namespaces");
_Static_assert(CLONE_NEWUTS == 0x04000000 && CLONE_NEWIPC == 0x08000000, "namespaces");
_Static_assert(CLONE_NEWPID == 0x20000000 && CLONE_NEWNET == 0x40000000, "namespaces");
_Static_assert(MS_RDONLY == 1 && MS_NOSUID == 2 && MS_NODEV == 4 && MS_NOEXEC == 8, "mounts");
_Static_assert(MS_REMOUNT == 32 && MS_BIND == 4096 && MS_REC == 16384, "mounts");
_Static_assert(MS_PRIVATE == 1 << 18, "mounts");

/// What the child writes to its parent when it cannot become its program.
struct failure {
  int stage;
  int error;
};

static int default_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; number++) {
    // Refused for SIGKILL, SIGSTOP and the two that the C library keeps: they need no reset.
    (void)sigaction(number, &action, NULL);
  }
  sigset_t none;
  sigemptyset(&none);
  return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/// Writes "0", by which the kernel means who writes, to each file.
static int join_control_groups(const struct csystem_spawn *plan) {
  for (char *const *group = plan->control_groups; *group; group++) {
    int file = open(*group, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    ssize_t written = write(file, "0", 1);
    int error = errno;
    close(file);
    if (written != 1) return -error;
  }
  // The one of the clone begins at the parent's groups.
  return plan->namespaces & CLONE_NEWCGROUP ? csystem_unshare(CLONE_NEWCGROUP) : 0;
}

static int confine_files(const struct csystem_spawn *plan, int *stage) {
  int status;
  *stage = csystem_stage_mount;
  if (plan->namespaces & CLONE_NEWNS) {
    // What is mounted here must not appear outside.
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -errno;
  }
  for (size_t index = 0; index < plan->mount_count; index++)
    if ((status = csystem_mount(&plan->mounts[index]))) return status;
  *stage = csystem_stage_root;
  if (plan->root) {
    status = plan->namespaces & CLONE_NEWNS ? csystem_pivot_root(plan->root, plan->root_is_read_only)
                                            : csystem_chroot(plan->root);
    if (status) return status;
  }
  *stage = csystem_stage_directory;
  if (plan->directory && chdir(plan->directory) < 0) return -errno;
  return 0;
}

/// Puts every descriptor in its place; `report` moves above them and is returned.
static int arrange_descriptors(const struct csystem_spawn *plan, int null, int report) {
  int first = (int)plan->descriptor_count;
  int moved = fcntl(report, F_DUPFD_CLOEXEC, first);
  if (moved < 0) return -errno;
  for (int index = 0; index < first; index++) {
    int wanted = plan->descriptors[index] < 0 ? null : plan->descriptors[index];
    // A source may itself sit where an earlier target goes, so all sources were duplicated high before.
    if (dup2(wanted, index) < 0) return -errno;
  }
  int status = csystem_close_from_on_exec((unsigned)first);
  return status ? status : moved;
}

static int confine_process(const struct csystem_spawn *plan, int *stage) {
  int status;
  *stage = csystem_stage_capability;
  if (plan->drops_capabilities && (status = csystem_drop_bounding_set()) &&
      !(status == -EPERM && plan->no_new_privileges))
    return status;
  *stage = csystem_stage_identity;
  if (plan->changes_identity && (status = csystem_set_identity(plan->user, plan->group)))
    return status;
  *stage = csystem_stage_capability;
  if (plan->drops_capabilities && (status = csystem_drop_capabilities())) return status;
  // A change of user clears the death signal, so it comes after.
  *stage = csystem_stage_death_signal;
  if (plan->death_signal && (status = csystem_set_death_signal(plan->death_signal))) return status;
  *stage = csystem_stage_privilege;
  if (plan->no_new_privileges && (status = csystem_no_new_privileges())) return status;
  *stage = csystem_stage_filter;
  if (plan->filter && (status = csystem_set_filter(plan->filter, plan->filter_count)))
    return status;
  return 0;
}

/// Runs in the child; returns only with a failure. `*report` follows the pipe when it moves.
static int become(const struct csystem_spawn *plan, pid_t parent, int null, int *report, int *stage) {
  int status;
  *stage = csystem_stage_session;
  if ((status = default_signals())) return status;
  if (plan->new_session && setsid() < 0) return -errno;
  *stage = csystem_stage_control_group;
  if (plan->control_groups && (status = join_control_groups(plan))) return status;
  *stage = csystem_stage_host_name;
  if (plan->host_name && (status = csystem_set_host_name(plan->host_name))) return status;
  if ((status = confine_files(plan, stage))) return status;
  *stage = csystem_stage_descriptor;
  if ((status = arrange_descriptors(plan, null, *report)) < 0) return status;
  *report = status;
  // After the descriptors, whose number may be limited; before the identity, since it takes root to raise one.
  *stage = csystem_stage_limit;
  for (size_t index = 0; index < plan->limit_count; index++)
    if ((status = csystem_set_limit(&plan->limits[index]))) return status;
  if ((status = confine_process(plan, stage))) return status;
  // The parent may have ended before the death signal was set; then nobody would ever send it.
  *stage = csystem_stage_death_signal;
  if (plan->death_signal && !(plan->namespaces & CLONE_NEWPID) && getppid() != parent)
    return -ESRCH;
  *stage = csystem_stage_execute;
  execve(plan->path, plan->arguments, plan->environment);
  return -errno;
}

/// Duplicates the descriptors above every target, so that putting them in place overwrites none of them.
static int lift_descriptors(const struct csystem_spawn *plan, int *lifted, int *null) {
  int first = (int)plan->descriptor_count + 1;
  int opened = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (opened < 0) return -errno;
  *null = fcntl(opened, F_DUPFD_CLOEXEC, first);
  int error = errno;
  close(opened);
  if (*null < 0) return -error;
  for (size_t index = 0; index < plan->descriptor_count; index++) {
    lifted[index] = -1;
    if (plan->descriptors[index] < 0) continue;
    lifted[index] = fcntl(plan->descriptors[index], F_DUPFD_CLOEXEC, first);
    if (lifted[index] < 0) return -errno;
  }
  return 0;
}

static pid_t clone_with_descriptor(uint64_t namespaces, int *descriptor) {
  struct clone_args arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.flags = CLONE_PIDFD | namespaces;
  arguments.pidfd = (uint64_t)(uintptr_t)descriptor;
  arguments.exit_signal = SIGCHLD;
  long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid >= 0 || errno != ENOSYS) return (pid_t)pid;
  // A system call filter cannot look into clone3's arguments and answers as a kernel without it: the older call.
  // The descriptor comes back where the parent's thread id would; the child's copy of the stack is its own.
#if defined(__x86_64__)
  return (pid_t)syscall(SYS_clone, CLONE_PIDFD | namespaces | SIGCHLD, NULL, descriptor, NULL, 0UL);
#else
  return (pid_t)syscall(SYS_clone, CLONE_PIDFD | namespaces | SIGCHLD, NULL, descriptor, 0UL, NULL);
#endif
}

/// Clones with every signal blocked, so that no handler of ours runs in the child.
static pid_t start(const struct csystem_spawn *plan, int null, int report, int *descriptor) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t parent = getpid();
  pid_t pid = clone_with_descriptor(plan->namespaces, descriptor);
  if (pid == 0) {
    struct failure failure = {.stage = csystem_stage_none, .error = 0};
    failure.error = -become(plan, parent, null, &report, &failure.stage);
    ssize_t ignored = write(report, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
  }
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return pid;
}

/// Waits for the pipe's end, which is the exec, or for the failure.
static int outcome(int pipe_end, struct csystem_child *child) {
  struct failure failure;
  ssize_t got = csystem_read(pipe_end, &failure, sizeof failure);
  if (got == 0) return 0;
  child->stage = got == sizeof failure ? failure.stage : csystem_stage_clone;
  int error = got == sizeof failure ? failure.error : EIO;
  siginfo_t info;
  while (waitid(P_PIDFD, (id_t)child->descriptor, &info, WEXITED) < 0 && errno == EINTR) continue;
  close(child->descriptor);
  child->descriptor = -1;
  return -error;
}

enum { descriptor_capacity = 64 };

int csystem_spawn(const struct csystem_spawn *plan, struct csystem_child *child) {
  int lifted[descriptor_capacity];
  int null = -1;
  int report[2];
  child->pid = -1;
  child->descriptor = -1;
  child->stage = csystem_stage_descriptor;
  if (plan->descriptor_count > descriptor_capacity) return -E2BIG;
  for (int index = 0; index < descriptor_capacity; index++) lifted[index] = -1;
  if (pipe2(report, O_CLOEXEC) < 0) return -errno;

  int status = lift_descriptors(plan, lifted, &null);
  if (status == 0) {
    struct csystem_spawn arranged = *plan;
    arranged.descriptors = lifted;
    child->stage = csystem_stage_clone;
    child->pid = start(&arranged, null, report[1], &child->descriptor);
    status = child->pid < 0 ? -errno : 0;
  }
  close(report[1]);
  if (status == 0) status = outcome(report[0], child);
  close(report[0]);
  if (null >= 0) close(null);
  for (int index = 0; index < descriptor_capacity; index++)
    if (lifted[index] >= 0) close(lifted[index]);
  if (status == 0) child->stage = csystem_stage_none;
  return status;
}

int csystem_child_signal(int descriptor, int signal) {
  return syscall(SYS_pidfd_send_signal, descriptor, signal, NULL, 0) < 0 ? -errno : 0;
}

int csystem_process_handle(pid_t pid) {
  long handle = syscall(SYS_pidfd_open, pid, 0);
  return handle < 0 ? -errno : (int)handle;
}

int csystem_child_reap(int descriptor, int *code, int *signalled) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  while (waitid(P_PIDFD, (id_t)descriptor, &info, WEXITED | WNOHANG) < 0)
    if (errno != EINTR) return -errno;
  if (info.si_pid == 0) return 0;
  *code = info.si_status;
  *signalled = info.si_code != CLD_EXITED;
  return 1;
}
