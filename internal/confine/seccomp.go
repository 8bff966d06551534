package confine

import (
	"runtime"
	"strings"
)

// The filter of system calls (runtime-spec 1.0, config-linux.md, "Seccomp").
type (
	ociSeccomp struct {
		Default       string    `json:"defaultAction"`
		Architectures []string  `json:"architectures"`
		Calls         []ociCall `json:"syscalls"`
	}
	ociCall struct {
		Names  []string    `json:"names"`
		Action string      `json:"action"`
		Errno  *uint       `json:"errnoRet,omitempty"`
		Args   []ociCallIf `json:"args,omitempty"`
	}
	ociCallIf struct {
		Index uint   `json:"index"`
		Value uint64 `json:"value"`
		Two   uint64 `json:"valueTwo"`
		Op    string `json:"op"`
	}
)

// What a filter answers, and how it compares.
const (
	allow, refuse = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO" // refused with EPERM
	equal, mask   = "SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"
	noSuchCall    = 38 // ENOSYS
)

// architectures are those of programs that a machine runs.
var architectures = map[string][]string{
	"amd64": {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"},
	"arm64": {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"},
}

// newNamespaces are the flags of clone(2) that make namespaces.
const newNamespaces = 0x7e020000

// families are the sockets that reach no further than the program's own network
// namespace: unix, inet, inet6, netlink. Those of virtual machines (vsock) and of
// the kernel's drivers do.
var families = []uint64{1, 2, 10, 16}

// personalities are those of programs on Linux, with 32 bits and by the name of
// Linux 2.6; 0xffffffff asks.
var personalities = []uint64{0, 8, 0x20000, 0x20008, 0xffffffff}

// seccomp allows what programs in containers call. Docker's default list was read
// for the facts; what it ties to capabilities that are not given here (mounts,
// namespaces, keyrings, modules, tracing of the kernel, clocks) is not in it.
// Tracing is of a program's own processes alone: others are not in its namespace.
func seccomp() ociSeccomp {
	s := ociSeccomp{Default: refuse, Architectures: architectures[runtime.GOARCH]}
	missing := uint(noSuchCall)
	s.Calls = []ociCall{
		{Names: strings.Fields(allowed), Action: allow},
		{Names: []string{"clone"}, Action: allow, Args: []ociCallIf{{0, newNamespaces, 0, mask}}},
		// Its flags are in memory, out of a filter's sight; callers fall back to clone.
		{Names: []string{"clone3"}, Action: refuse, Errno: &missing},
	}
	for _, family := range families {
		s.Calls = append(s.Calls, ociCall{Names: []string{"socket"}, Action: allow, Args: []ociCallIf{{0, family, 0, equal}}})
	}
	for _, p := range personalities {
		s.Calls = append(s.Calls, ociCall{Names: []string{"personality"}, Action: allow, Args: []ociCallIf{{0, p, 0, equal}}})
	}
	return s
}

// allowed is sorted.
const allowed = `
_llseek _newselect accept accept4 access adjtimex alarm arch_prctl arm_fadvise64_64 arm_sync_file_range bind brk
cacheflush cachestat capget capset chdir chmod chown chown32 chroot clock_getres clock_getres_time64 clock_gettime
clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3
epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit
exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32
fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64
fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake
futimesat get_mempolicy get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid
geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority
getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid
gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch
io_cancel io_destroy io_getevents io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule
landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listxattr listxattrat
llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack mbind membarrier memfd_create
memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt mprotect mq_getsetattr
mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal
msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep newfstatat open openat openat2 pause pidfd_open
pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2
prlimit64 process_madvise process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace pwrite64
pwritev pwritev2 read readahead readdir readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg
remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile
sendfile64 sendmmsg sendmsg sendto set_mempolicy set_robust_list set_thread_area set_tid_address set_tls setfsgid
setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32
setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr
setxattrat shmat shmctl shmdt shmget shutdown sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask
sigreturn sigsuspend socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range
sync_file_range2 syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime
timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat utime utimensat
utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
`
