import Canonical

/// The system calls that a container's processes may make; any other is answered with "not permitted". What is not
/// here and why: calls that make namespaces, mount, load, trace or look into other processes, keys, BPF, performance
/// counters, io_uring, userfaultfd, handles of files, clocks, and sockets of other families than Unix and internet.
enum SystemCallProfile {
  static let json: JSON = [
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    "syscalls": [
      ["names": .array(allowed.map(JSON.string)), "action": "SCMP_ACT_ALLOW"],
      // Its flags lie in memory, where a filter cannot see them: a program falls back to clone.
      ["names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38],
      [
        "names": ["clone"], "action": "SCMP_ACT_ALLOW",
        "args": [["index": 0, "value": .integer(namespaceFlags), "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"]],
      ], socket(1), socket(2), socket(10),
    ],
  ]

  /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
  private static let namespaceFlags = 0x7E02_0000

  /// A family of sockets: 1 Unix, 2 and 10 internet.
  private static func socket(_ family: Int) -> JSON {
    [
      "names": ["socket"], "action": "SCMP_ACT_ALLOW",
      "args": [["index": 0, "value": .integer(family), "op": "SCMP_CMP_EQ"]],
    ]
  }

  static let allowed =
    files + descriptors + memory + processes + identity + signals + time + sockets + messages

  private static let files = [
    "access", "chdir", "chmod", "chown", "creat", "faccessat", "faccessat2", "fadvise64", "fallocate",
    "fchdir",
    "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "fdatasync", "fgetxattr", "flistxattr", "flock",
    "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents",
    "getdents64", "getxattr", "lchown", "lgetxattr", "link", "linkat", "listxattr", "llistxattr",
    "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat",
    "openat2",
    "readahead", "readlink", "readlinkat", "removexattr", "rename", "renameat", "renameat2", "rmdir",
    "setxattr",
    "stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "truncate",
    "umask",
    "unlink", "unlinkat", "utime", "utimensat", "utimes",
  ]

  private static let descriptors = [
    "close", "close_range", "copy_file_range", "dup", "dup2", "dup3", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "fcntl",
    "inotify_add_watch",
    "inotify_init", "inotify_init1", "inotify_rm_watch", "ioctl", "pipe", "pipe2", "poll", "ppoll", "pread64",
    "preadv", "preadv2", "pselect6", "pwrite64", "pwritev", "pwritev2", "read", "readv", "select", "sendfile",
    "signalfd", "signalfd4", "splice", "tee", "timerfd_create", "timerfd_gettime", "timerfd_settime",
    "vmsplice",
    "write", "writev",
  ]

  private static let memory = [
    "brk", "madvise", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap",
    "mprotect",
    "mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
  ]

  private static let processes = [
    "arch_prctl", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_waitv",
    "get_robust_list",
    "get_thread_area", "getcpu", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom",
    "getrlimit", "getrusage", "getsid", "gettid", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64",
    "rseq",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
    "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_yield", "set_robust_list",
    "set_tid_address", "setpgid", "setpriority", "setrlimit", "setsid", "sysinfo", "times", "uname", "vfork",
    "wait4", "waitid",
  ]

  private static let identity = [
    "capget", "capset", "getegid", "geteuid", "getgid", "getgroups", "getresgid", "getresuid", "getuid",
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp", "setfsgid",
    "setfsuid",
    "setgid", "setgroups", "setregid", "setresgid", "setresuid", "setreuid", "setuid",
  ]

  private static let signals = [
    "alarm", "kill", "pause", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
    "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sigaltstack",
    "tgkill", "tkill",
  ]

  private static let time = [
    "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday", "nanosleep", "setitimer",
    "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
  ]

  private static let sockets = [
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
    "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socketpair",
  ]

  private static let messages = [
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl",
    "msgget",
    "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget",
  ]
}
