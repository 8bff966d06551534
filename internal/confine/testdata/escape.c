// Tries one way out of a container, and says how that went: "refused" or "done",
// and what. Its first argument says which way, the others are the way's own.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <arpa/inet.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static void said(const char *what, long result) {
	if (result >= 0) printf("done: %s\n", what);
	else printf("refused: %s: %s\n", what, strerror(errno));
	fflush(stdout);
}

static long put(const char *path, const char *text) {
	int fd = open(path, O_WRONLY);
	if (fd < 0) return -1;
	long n = write(fd, text, strlen(text));
	close(fd);
	return n;
}

// A second chroot, out of which root goes up, and the old root by a descriptor.
static void way_chroot(char **arg) {
	int root = open("/", O_RDONLY | O_DIRECTORY);
	mkdir("/esc", 0755);
	chroot("/esc");
	fchdir(root);
	for (int i = 0; i < 64; i++) chdir("..");
	chroot(".");
	// Its own root is as far as it gets: it may write there, and to nothing of the machine.
	said("writing by the path outside", open(arg[0], O_WRONLY | O_CREAT, 0644));
}

static void way_ptrace(char **arg) {
	pid_t outside = atoi(arg[0]);
	said("ptrace", ptrace(PTRACE_ATTACH, outside, 0, 0));
	said("ptrace seize", ptrace(PTRACE_SEIZE, outside, 0, 0));
	said("kill", kill(outside, SIGKILL));
	said("pidfd_open", syscall(SYS_pidfd_open, outside, 0));
}

static void way_mount(char **arg) {
	said("mount tmpfs", mount("none", "/tmp", "tmpfs", 0, ""));
	said("mount proc", mount("none", "/tmp", "proc", 0, ""));
	said("remount", mount("", "/proc/sys", "", MS_REMOUNT | MS_BIND, ""));
	said("bind", mount("/", "/tmp", "", MS_BIND, ""));
	said("umount", umount2("/proc/sys", MNT_DETACH));
	said("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
	said("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
	said("pivot_root", syscall(SYS_pivot_root, ".", "."));
	said("unshare mounts", unshare(CLONE_NEWNS));
	said("unshare users", unshare(CLONE_NEWUSER));
	said("clone users", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
	int ns = open("/proc/1/ns/mnt", O_RDONLY);
	said("setns", setns(ns, 0));
}

static void way_mknod(char **arg) {
	dev_t disk = makedev(atoi(arg[0]), atoi(arg[1]));
	said("mknod block", mknod("/disk", S_IFBLK | 0600, disk));
	said("mknod mem", mknod("/mem", S_IFCHR | 0600, makedev(1, 1)));
	said("mknod kmsg", mknod("/kmsg", S_IFCHR | 0600, makedev(1, 11)));
	said("open", open("/disk", O_RDWR));
}

// Whatever root, working directory or executable /proc shows, the machine is not behind it.
static void way_procroot(char **arg) {
	char path[512];
	DIR *d = opendir("/proc");
	int others = 0;
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9') continue;
		others += atoi(e->d_name) != getpid();
		for (int i = 0; i < 2; i++) {
			snprintf(path, sizeof path, "/proc/%s/%s/%s", e->d_name, i ? "cwd" : "root", arg[0]);
			if (open(path, O_RDONLY) >= 0) printf("done: %s\n", path);
		}
	}
	said("other processes", others ? 0 : (errno = ESRCH, -1));
	said("reading outside", open(arg[0], O_RDONLY));
	said("kcore", read(open("/proc/kcore", O_RDONLY), path, 1) - 1);
	for (int fd = 3; fd < 1024; fd++)
		if (fd != dirfd(d) && fcntl(fd, F_GETFD) >= 0) printf("done: descriptor %d is inherited\n", fd);
}

static void way_corepattern(char **arg) {
	said("core_pattern", put("/proc/sys/kernel/core_pattern", "|/esc"));
	said("modprobe", put("/proc/sys/kernel/modprobe", "/esc"));
	said("hotplug", put("/sys/kernel/uevent_helper", "/esc"));
	said("sysrq", put("/proc/sysrq-trigger", "h"));
	said("panic", put("/proc/sys/kernel/panic", "1"));
	said("binfmt", put("/proc/sys/fs/binfmt_misc/register", ":x:M::x::/esc:"));
}

static void way_cgroup(char **arg) {
	mkdir("/cg", 0755);
	said("mount cgroup", mount("none", "/cg", "cgroup", 0, "memory"));
	said("mount cgroup2", mount("none", "/cg", "cgroup2", 0, ""));
	said("release_agent", put("/cg/release_agent", "/esc"));
	said("memory", put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "-1"));
	said("unshare cgroup", unshare(CLONE_NEWCGROUP));
}

static void way_keyring(char **arg) {
	said("add_key", syscall(SYS_add_key, "user", "careen", "x", 1, -3));
	said("request_key", syscall(SYS_request_key, "user", "careen", 0, -3));
	said("keyctl", syscall(SYS_keyctl, 0, -4, 1));
}

static void way_sockets(char **arg) {
	said("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	said("packet", socket(17, SOCK_RAW, 0));
	said("vsock", socket(40, SOCK_STREAM, 0));
	said("alg", socket(38, SOCK_SEQPACKET, 0));
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(arg[0]))};
	inet_aton("127.0.0.1", &at.sin_addr);
	said("a server of the machine", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&at, sizeof at));
	at.sin_port = htons(80);
	if (bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&at, sizeof at)) printf("wrong: port 80 of its own: %s\n", strerror(errno));
}

static void way_kernel(char **arg) {
	said("bpf", syscall(SYS_bpf, 0, 0, 0));
	said("perf", syscall(SYS_perf_event_open, 0, 0, 0, 0, 0));
	said("userfaultfd", syscall(SYS_userfaultfd, 0));
	said("io_uring", syscall(SYS_io_uring_setup, 1, 0));
	said("init_module", syscall(SYS_init_module, 0, 0, ""));
	said("kexec", syscall(SYS_kexec_load, 0, 0, 0, 0));
	said("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0));
	said("swapon", syscall(SYS_swapon, "/x", 0));
	said("sethostname", sethostname("x", 1));
	struct timespec now = {1, 1};
	said("clock_settime", clock_settime(CLOCK_REALTIME, &now));
	char handle[64] = {8};
	said("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, handle, O_RDONLY));
	said("syslog", syscall(SYS_syslog, 3, handle, 8));
	said("quotactl", syscall(SYS_quotactl, 0, 0, 0, 0));
}

// A file that would make its caller root, and powers over files of other users.
static void way_privileges(char **arg) {
	if (arg[0]) {
		said("root by setuid", geteuid() == 0 ? 0 : (errno = EPERM, -1));
		return;
	}
	char *again[] = {"/esc", "privileges", "again", 0};
	setresgid(1000, 1000, 1000);
	setresuid(1000, 1000, 1000);
	execv("/esc-setuid", again);
}

static void way_forks(char **arg) {
	int n = 0;
	for (pid_t pid; n < 100000; n++) {
		if ((pid = fork()) < 0) break;
		if (pid == 0) for (;;) pause();
	}
	printf("%s: %d processes\n", n < 2000 ? "refused" : "done", n);
	fflush(stdout);
	for (;;) fork();
}

static void fill(const char *path) {
	static char block[1 << 20];
	long long total = 0;
	int fd = open(path, O_WRONLY | O_CREAT, 0644);
	for (long n; total < 8LL << 30 && (n = write(fd, block, sizeof block)) > 0;) total += n;
	printf("%s: %s: %lld MiB: %s\n", total < 3LL << 30 ? "refused" : "done", path, total >> 20, strerror(errno));
	fflush(stdout);
	unlink(path);
	close(fd);
}

static void way_disk(char **arg) {
	fill("/fill");
	fill("/dev/fill");
	fill("/dev/shm/fill");
	long files = 0;
	for (char name[32]; files < 1000000; files++) {
		snprintf(name, sizeof name, "/f%ld", files);
		int fd = open(name, O_WRONLY | O_CREAT, 0644);
		if (fd < 0) break;
		close(fd);
	}
	printf("%s: %ld files\n", files < 300000 ? "refused" : "done", files);
}

static void way_memory(char **arg) {
	static char *all;
	for (long i = 0; i < 8192; i++) {
		all = malloc(1 << 20);
		if (!all) break;
		memset(all, 1, 1 << 20);
	}
	printf("done: 8 GiB of memory\n");
}

static void way_output(char **arg) {
	static char block[1 << 16];
	memset(block, 'x', sizeof block);
	for (int i = 0; i < 4096; i++) write(1, block, sizeof block);
}

int main(int argc, char **argv) {
	struct { const char *name; void (*way)(char **); } ways[] = {
		{"chroot", way_chroot}, {"ptrace", way_ptrace}, {"mount", way_mount}, {"mknod", way_mknod},
		{"procroot", way_procroot}, {"corepattern", way_corepattern}, {"cgroup", way_cgroup}, {"keyring", way_keyring},
		{"sockets", way_sockets}, {"kernel", way_kernel}, {"privileges", way_privileges}, {"forks", way_forks},
		{"disk", way_disk}, {"memory", way_memory}, {"output", way_output},
	};
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
		if (!strcmp(argv[1], ways[i].name)) {
			ways[i].way(argv + 2);
			return 0;
		}
	return 99;
}
