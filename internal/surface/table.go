package surface

import (
	"strings"

	"github.com/careen/careen/internal/finding"
)

// tool is a row of the table: a program that helps an intruder on.
type tool struct {
	name  string
	kind  finding.ToolKind
	files string // further names of the program, with blanks between; versions and target triples are taken off before
	why   string
}

// table returns every program that counts as a tool. Deleting a line takes it
// out of the measure. The kinds and reasons follow what MITRE ATT&CK for
// containers (https://attack.mitre.org/matrices/enterprise/containers/) and
// GTFOBins (https://gtfobins.github.io) say that programs are used for.
func table() []tool {
	const (
		commands = "runs any command, script or reverse shell"
		installs = "brings in any further software"
		native   = "builds programs, exploits among them, on the spot"
		attaches = "reads and changes the memory of other processes"
		fetches  = "fetches further code and carries data out"
		connects = "opens a connection in or out, a reverse shell among them"
		remote   = "logs in to other hosts, or lets others in"
		resolves = "looks hosts up, and carries data out through DNS"
		scans    = "finds other hosts and services"
		clones   = "fetches further code, and pushes data out"
		client   = "talks to databases, clusters or clouds with the credentials that are there"
		runs     = "runs programs that need no compiler and no file on disk"
		become   = "changes to another user"
		escape   = "changes namespaces, roots or mounts, a step of most ways out of a container"
		devices  = "makes and reads devices, the host's disks among them"
		filters  = "changes what the network lets through"
		rights   = "gives rights to files, users or processes"
	)
	return []tool{
		{"sh", finding.Shell, "", commands},
		{"bash", finding.Shell, "rbash", commands},
		{"dash", finding.Shell, "", commands},
		{"ash", finding.Shell, "", commands},
		{"zsh", finding.Shell, "rzsh", commands},
		{"fish", finding.Shell, "", commands},
		{"ksh", finding.Shell, "rksh mksh lksh loksh oksh pdksh", commands},
		{"tcsh", finding.Shell, "csh bsd-csh", commands},
		{"yash", finding.Shell, "", commands},
		{"nu", finding.Shell, "", commands},
		{"elvish", finding.Shell, "", commands},
		{"xonsh", finding.Shell, "", commands},
		{"pwsh", finding.Shell, "powershell", commands},
		{"cmd.exe", finding.Shell, "", commands},
		{"busybox", finding.Shell, "busybox.static busybox-extras", commands},
		{"toybox", finding.Shell, "", commands},

		{"apt", finding.PackageManager, "apt-get aptitude", installs},
		{"dpkg", finding.PackageManager, "", installs},
		{"apk", finding.PackageManager, "apk.static", installs},
		{"rpm", finding.PackageManager, "", installs},
		{"dnf", finding.PackageManager, "yum microdnf tdnf", installs},
		{"zypper", finding.PackageManager, "", installs},
		{"pacman", finding.PackageManager, "", installs},
		{"opkg", finding.PackageManager, "", installs},
		{"xbps", finding.PackageManager, "xbps-install", installs},
		{"emerge", finding.PackageManager, "", installs},
		{"swupd", finding.PackageManager, "", installs},
		{"nix", finding.PackageManager, "nix-env", installs},
		{"pip", finding.PackageManager, "easy_install", installs},
		{"uv", finding.PackageManager, "uvx", installs},
		{"pipx", finding.PackageManager, "", installs},
		{"poetry", finding.PackageManager, "", installs},
		{"pipenv", finding.PackageManager, "", installs},
		{"conda", finding.PackageManager, "mamba micromamba", installs},
		{"npm", finding.PackageManager, "npx", installs},
		{"yarn", finding.PackageManager, "yarnpkg", installs},
		{"pnpm", finding.PackageManager, "pnpx", installs},
		{"corepack", finding.PackageManager, "", installs},
		{"gem", finding.PackageManager, "", installs},
		{"bundler", finding.PackageManager, "bundle", installs},
		{"composer", finding.PackageManager, "composer.phar", installs},
		{"cpan", finding.PackageManager, "cpanm", installs},
		{"luarocks", finding.PackageManager, "", installs},
		{"cargo", finding.PackageManager, "", installs},
		{"mvn", finding.PackageManager, "", installs},
		{"gradle", finding.PackageManager, "", installs},
		{"nuget", finding.PackageManager, "", installs},

		{"gcc", finding.Compiler, "cc c89 c99", native},
		{"g++", finding.Compiler, "c++", native},
		{"clang", finding.Compiler, "clang++", native},
		{"tcc", finding.Compiler, "", native},
		{"gfortran", finding.Compiler, "f77 f95", native},
		{"go", finding.Compiler, "", native},
		{"rustc", finding.Compiler, "", native},
		{"ghc", finding.Compiler, "", native},
		{"javac", finding.Compiler, "ecj", native},
		{"kotlinc", finding.Compiler, "", native},
		{"scalac", finding.Compiler, "", native},
		{"swiftc", finding.Compiler, "", native},
		{"zig", finding.Compiler, "", native},
		{"nim", finding.Compiler, "", native},
		{"dmd", finding.Compiler, "gdc ldc2", native},
		{"fpc", finding.Compiler, "", native},
		{"ocamlopt", finding.Compiler, "ocamlc ocamlopt.opt", native},
		{"nasm", finding.Compiler, "yasm", native},
		{"as", finding.Compiler, "", native},
		{"ld", finding.Compiler, "ld.bfd ld.gold ld.lld lld mold gold", native},
		{"make", finding.Compiler, "gmake bmake", native},
		{"cmake", finding.Compiler, "", native},
		{"ninja", finding.Compiler, "ninja-build", native},

		{"gdb", finding.Debugger, "gdbserver", attaches},
		{"lldb", finding.Debugger, "lldb-server", attaches},
		{"strace", finding.Debugger, "", attaches},
		{"ltrace", finding.Debugger, "", attaches},
		{"perf", finding.Debugger, "", attaches},
		{"bpftrace", finding.Debugger, "bpftool", attaches},
		{"valgrind", finding.Debugger, "", attaches},
		{"dlv", finding.Debugger, "", attaches},
		{"rr", finding.Debugger, "", attaches},
		{"gcore", finding.Debugger, "pstack", attaches},
		{"py-spy", finding.Debugger, "", attaches},
		{"jcmd", finding.Debugger, "jdb jmap jstack jattach", attaches},

		{"curl", finding.NetworkTool, "", fetches},
		{"wget", finding.NetworkTool, "", fetches},
		{"aria2", finding.NetworkTool, "aria2c axel", fetches},
		{"httpie", finding.NetworkTool, "", fetches},
		{"lynx", finding.NetworkTool, "elinks w3m", fetches},
		{"ftp", finding.NetworkTool, "lftp tnftp ncftp ftpget ftpput", fetches},
		{"tftp", finding.NetworkTool, "", fetches},
		{"rsync", finding.NetworkTool, "", fetches},
		{"rclone", finding.NetworkTool, "s3cmd", fetches},
		{"smbclient", finding.NetworkTool, "", fetches},
		{"netcat", finding.NetworkTool, "nc ncat nc.openbsd nc.traditional", connects},
		{"socat", finding.NetworkTool, "", connects},
		{"openssl", finding.NetworkTool, "ssl_client", connects},
		{"tunnel", finding.NetworkTool, "chisel ngrok frpc cloudflared proxychains tor", connects},
		{"telnet", finding.NetworkTool, "telnetd", remote},
		{"ssh", finding.NetworkTool, "scp sftp dbclient", remote},
		{"sshd", finding.NetworkTool, "dropbear", remote},
		{"dig", finding.NetworkTool, "nslookup host delv", resolves},
		{"nmap", finding.NetworkTool, "masscan zmap", scans},
		{"ping", finding.NetworkTool, "arping fping hping", scans},
		{"tcpdump", finding.NetworkTool, "tshark dumpcap", scans},
		{"iproute", finding.NetworkTool, "ip ss", scans},
		{"net-tools", finding.NetworkTool, "netstat ifconfig arp", scans},
		{"git", finding.NetworkTool, "", clones},
		{"mercurial", finding.NetworkTool, "hg", clones},
		{"subversion", finding.NetworkTool, "svn", clones},
		{"kubectl", finding.NetworkTool, "crictl helm oc k3s etcdctl", client},
		{"docker", finding.NetworkTool, "podman nerdctl ctr buildah", client},
		{"registry-client", finding.NetworkTool, "skopeo crane oras regctl", fetches},
		{"cloud-cli", finding.NetworkTool, "aws az gcloud gsutil vault terraform", client},
		{"database-client", finding.NetworkTool, "psql mysql mariadb mongo mongosh redis-cli valkey-cli sqlcmd sqlplus", client},
		{"ldapsearch", finding.NetworkTool, "", client},

		{"perl", finding.Interpreter, "", runs},
		{"python", finding.Interpreter, "pypy", runs},
		{"ruby", finding.Interpreter, "irb jruby", runs},
		{"node", finding.Interpreter, "nodejs", runs},
		{"deno", finding.Interpreter, "", runs},
		{"bun", finding.Interpreter, "", runs},
		{"php", finding.Interpreter, "php-cgi php-fpm", runs},
		{"lua", finding.Interpreter, "luajit", runs},
		{"tcl", finding.Interpreter, "tclsh wish expect", runs},
		{"awk", finding.Interpreter, "gawk mawk nawk original-awk", runs},
		{"java", finding.Interpreter, "jshell jrunscript groovy", runs},
		{"dotnet", finding.Interpreter, "mono", runs},
		{"guile", finding.Interpreter, "racket", runs},
		{"R", finding.Interpreter, "Rscript", runs},
		{"julia", finding.Interpreter, "", runs},
		{"erlang", finding.Interpreter, "erl escript elixir iex", runs},

		{"su", finding.PrivilegeTool, "runuser", become},
		{"sudo", finding.PrivilegeTool, "sudoedit sudo-rs", become},
		{"doas", finding.PrivilegeTool, "", become},
		{"pkexec", finding.PrivilegeTool, "", become},
		{"gosu", finding.PrivilegeTool, "su-exec", become},
		{"newgrp", finding.PrivilegeTool, "sg", become},
		{"nsenter", finding.PrivilegeTool, "unshare", escape},
		{"chroot", finding.PrivilegeTool, "", escape},
		{"mount", finding.PrivilegeTool, "umount fusermount", escape},
		{"debugfs", finding.PrivilegeTool, "losetup mknod", devices},
		{"iptables", finding.PrivilegeTool, "ip6tables nft ipset xtables-nft-multi", filters},
		{"insmod", finding.PrivilegeTool, "modprobe", escape},
		{"runc", finding.PrivilegeTool, "crun", escape},
		{"setcap", finding.PrivilegeTool, "capsh", rights},
		{"setpriv", finding.PrivilegeTool, "", rights},
		{"useradd", finding.PrivilegeTool, "usermod adduser", rights},
	}
}

// manyApplets names the programs that are many in one file and act by the name
// under which they are started.
var manyApplets = [...]string{"busybox", "toybox"}

// byName returns the rows of the table under all their names.
func byName() map[string]tool {
	rows := map[string]tool{}
	for _, row := range table() {
		rows[row.name] = row
		for _, name := range strings.Fields(row.files) {
			rows[name] = row
		}
	}
	return rows
}

// plainName takes what distributions add off a program's name: the version
// behind it ("python3.11", "gcc-12"), the target in front of it
// ("x86_64-linux-gnu-gcc"), Windows' suffix. It does not allocate for names as
// Linux has them.
func plainName(base string) string {
	if name, ok := strings.CutSuffix(base, ".exe"); ok {
		base = strings.ToLower(name)
	}
	end := len(base)
	for end > 0 && (base[end-1] >= '0' && base[end-1] <= '9' || base[end-1] == '.') {
		end--
	}
	if end < len(base) && end > 0 && base[end] != '.' {
		base = strings.TrimSuffix(base[:end], "-")
	}
	if strings.Contains(base, "-linux-") {
		base = base[strings.LastIndexByte(base, '-')+1:]
	}
	return base
}
