#pragma once
// The Linux kernel interface that Glibc's Swift overlay leaves out. Declarations only; feature-test
// macros live in the .c files, since defining them here would break other modules.
//
// Unless its comment says otherwise a function returns 0 or a descriptor, or -errno where the kernel
// refused; EINTR is retried inside. Descriptors are close-on-exec; sockets are non-blocking.
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Fills `length` bytes from the kernel's generator; 0, or -1 with errno.
int csystem_getrandom(void *bytes, size_t length);

/// What an errno means, as zero-terminated text.
void csystem_error_text(int code, char *text, size_t capacity);

// ---- Events (Events.c)

/// The kernel's `epoll_event` is packed to 12 bytes; this is its unpacked twin.
struct csystem_event {
  uint32_t events;
  uint64_t token;
};

enum {
  csystem_event_read = 0x001,
  csystem_event_write = 0x004,
  csystem_event_error = 0x008,
  csystem_event_hangup = 0x010,
  csystem_event_peer_closed = 0x2000,
  /// The most events one wait returns.
  csystem_event_capacity = 256,
};

int csystem_epoll_create(void);
int csystem_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token);
int csystem_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t token);
int csystem_epoll_remove(int epoll, int descriptor);
/// Waits at most `timeout_ns` (below 0: for ever). The number of events; 0 also when interrupted.
int csystem_epoll_wait(int epoll, struct csystem_event *events, int capacity, int64_t timeout_ns);

/// A counter that wakes whoever polls it.
int csystem_eventfd(void);
int csystem_eventfd_signal(int descriptor);
int csystem_eventfd_drain(int descriptor);

/// Blocks the signals in the calling thread and those it starts from now on.
int csystem_block_signals(const int *signals, size_t count);
int csystem_signalfd(const int *signals, size_t count);
/// The number of the next signal, or -EAGAIN.
int csystem_signalfd_read(int descriptor);

/// CLOCK_BOOTTIME in nanoseconds: it never goes back, nobody sets it, and it goes on while the host sleeps, so that a lease
/// lives no longer for a suspension.
uint64_t csystem_monotonic_ns(void);
/// CLOCK_REALTIME in nanoseconds since 1970.
int64_t csystem_wall_ns(void);
/// The processor's time-stamp counter; 0 where there is none.
uint64_t csystem_processor_ticks(void);

// ---- Descriptors and sockets (Sockets.c)

/// Both ends close-on-exec and non-blocking: [0] reads, [1] writes.
int csystem_pipe(int ends[2]);
int csystem_socketpair(int ends[2]);
int csystem_memfd(const char *name);
/// Forbids any later change to a memory file: its size, its content and these seals.
int csystem_memfd_seal(int descriptor);
int csystem_set_nonblocking(int descriptor, int nonblocking);
int csystem_close(int descriptor);
ssize_t csystem_read(int descriptor, void *bytes, size_t count);
ssize_t csystem_write(int descriptor, const void *bytes, size_t count);
/// Without SIGPIPE.
ssize_t csystem_send(int descriptor, const void *bytes, size_t count);
/// Opens a path below a folder; refuses whatever would lead out of it, symbolic links included.
int csystem_open_beneath(int folder, const char *path, int flags, mode_t mode);

/// An IPv4 or IPv6 address with its port.
struct csystem_address {
  /// 4 or 6.
  int family;
  /// Network order; IPv4 in the first four.
  uint8_t bytes[16];
  uint16_t port;
};

int csystem_tcp_listen(const struct csystem_address *address, int backlog);
/// Begins to connect; the descriptor becomes writable when the outcome is known.
int csystem_tcp_connect(const struct csystem_address *address);
int csystem_accept(int listener, struct csystem_address *peer);
/// No more bytes from this side of a connection.
int csystem_end_sending(int descriptor);
/// Brings the loopback interface of this network namespace up.
int csystem_loopback_up(void);
int csystem_local_address(int descriptor, struct csystem_address *address);
/// 0, or the -errno that a connection attempt ended with.
int csystem_socket_error(int descriptor);
/// Sizes of the kernel's buffers, for tests that need small ones.
int csystem_set_buffers(int descriptor, int receive_count, int send_count);

/// A stream socket by name; a name that starts with a zero byte is abstract.
int csystem_unix_listen(const char *name, size_t count, int backlog);
int csystem_unix_connect(const char *name, size_t count);
/// The user that connected a Unix socket.
int csystem_peer_user(int descriptor, uid_t *user, gid_t *group);

/// Names the calling thread; the kernel keeps fifteen bytes.
void csystem_name_thread(const char *name);

/// Whether the file system that holds a path forgets when the host restarts (tmpfs, ramfs; statfs(2)): 1 or 0; -1 and
/// errno where it cannot be told.
int csystem_is_volatile(const char *path);

// ---- Processes (Processes.c)

struct csystem_mount {
  const char *source;
  const char *target;
  const char *type;
  unsigned long flags;
  const char *data;
};

struct csystem_limit {
  int resource;
  uint64_t soft;
  uint64_t hard;
};

/// What a new process is to be. Zero everywhere means: this process's own.
///
/// Applied in this order: session, namespaces, control groups, host name, mounts, root, directory, descriptors, limits,
/// user and group, capabilities, death signal, no-new-privileges, system call filter.
struct csystem_spawn {
  /// As the child sees it, after `root`.
  const char *path;
  char *const *arguments;
  char *const *environment;
  /// `descriptors[i]` becomes descriptor i; -1 is /dev/null. Everything else is closed.
  const int *descriptors;
  size_t descriptor_count;
  const char *directory;
  /// CLONE_NEW… flags.
  uint64_t namespaces;
  const char *host_name;
  const struct csystem_mount *mounts;
  size_t mount_count;
  /// The child's root: by pivot_root with a mount namespace of its own, else by chroot.
  const char *root;
  /// Nothing can be written to the root itself; takes a mount namespace. What is mounted in it has its own flags.
  int root_is_read_only;
  /// The files by which the child joins control groups, ended by NULL; NULL for none. It runs nothing outside of them,
  /// and a control group namespace begins at them.
  char *const *control_groups;
  const struct csystem_limit *limits;
  size_t limit_count;
  /// Supplementary groups are dropped with it.
  int changes_identity;
  uid_t user;
  gid_t group;
  /// All sets, the bounding set included; without CAP_SETPCAP only together with no_new_privileges, which
  /// makes the bounding set idle.
  int drops_capabilities;
  int new_session;
  /// Sent to the child when the thread that spawned it ends; 0 for none.
  int death_signal;
  int no_new_privileges;
  /// Classic BPF instructions, eight bytes each, for seccomp; NULL for none.
  const void *filter;
  uint16_t filter_count;
};

/// Where a spawn failed.
enum csystem_spawn_stage {
  csystem_stage_none = 0,
  csystem_stage_clone,
  csystem_stage_session,
  csystem_stage_host_name,
  csystem_stage_mount,
  csystem_stage_root,
  csystem_stage_directory,
  csystem_stage_limit,
  csystem_stage_descriptor,
  csystem_stage_identity,
  csystem_stage_capability,
  csystem_stage_death_signal,
  csystem_stage_privilege,
  csystem_stage_filter,
  csystem_stage_execute,
  csystem_stage_control_group,
};

struct csystem_child {
  pid_t pid;
  /// Becomes readable when the child has ended.
  int descriptor;
  /// An `enum csystem_spawn_stage`, where the spawn failed.
  int stage;
};

/// Returns once the child runs its program, or with the reason why it does not.
int csystem_spawn(const struct csystem_spawn *plan, struct csystem_child *child);
/// Signals by descriptor, so that a reused process id is never hit.
int csystem_child_signal(int descriptor, int signal);
/// A descriptor of a process that is no child of this one; becomes readable when the process has ended.
int csystem_process_handle(pid_t pid);
/// Reaps: 1 with the outcome, 0 while it runs. `code` is an exit code, or a signal where `signalled`.
int csystem_child_reap(int descriptor, int *code, int *signalled);

// ---- Devices (Devices.c)

/// Shows an open file as a block device that can only be read; its path goes into `path`. The device lasts as long as its
/// descriptor, or anybody else who has it open: nobody need detach it.
int csystem_loop_attach(int file, char *path, size_t capacity);

// ---- Confinement of the calling process (Confinement.c)

int csystem_unshare(uint64_t namespaces);
int csystem_setns(int descriptor, int kind);
int csystem_mount(const struct csystem_mount *mount);
int csystem_unmount(const char *target, int flags);
/// Makes `path`, which is made a mount point first, the root, and lets go of the old one.
int csystem_pivot_root(const char *path, int read_only);
int csystem_chroot(const char *path);
int csystem_set_host_name(const char *name);
int csystem_set_limit(const struct csystem_limit *limit);
/// This thread's user and group, real, effective and saved; supplementary groups are dropped.
int csystem_set_identity(uid_t user, gid_t group);
/// Takes every capability out of reach of later execs. Takes CAP_SETPCAP, so it comes before a change of user.
int csystem_drop_bounding_set(void);
/// Empties the effective, permitted, inheritable and ambient sets.
int csystem_drop_capabilities(void);
int csystem_set_death_signal(int signal);
int csystem_no_new_privileges(void);
/// Forbids core dumps and tracing by others of the same user.
int csystem_set_undumpable(void);
int csystem_set_filter(const void *instructions, uint16_t count);
int csystem_close_from(unsigned first);
/// Marks close-on-exec every descriptor from `first` on.
int csystem_close_from_on_exec(unsigned first);
/// Ends the machine; for the first process of a guest.
int csystem_power_off(void);
/// Restarts the machine, which ends a virtual one that was told not to.
int csystem_restart(void);
/// Loads a kernel module from an open file.
int csystem_load_module(int descriptor);
/// A character device's file, mode as in chmod.
int csystem_make_device(const char *path, mode_t mode, unsigned major, unsigned minor);
