package catalog

import "github.com/careen/careen/internal/rootfs"

// cataloger reads the packages out of files of one kind.
type cataloger struct {
	name    string // of its facts
	version int    // raised whenever what it reads from any file changes
	want    func(h *rootfs.Header, head []byte) bool
	read    func(h *rootfs.Header, body rootfs.Body) (found, error)
	roaming bool // one database, whose path may differ from layer to layer

	// declared is set when a file says what should be there, not what was put
	// there: what others found installed is left out.
	declared bool

	// again reads a file of the finished tree once more, together with others
	// next to it, and says whether that was needed. nil for almost all.
	again func(tree *rootfs.Tree, path string) (found, bool)

	// For docs/packages.md, whose table is made from this one.
	title string // whose packages they are
	types string // purl types of what it finds, with blanks between
	files string // what it reads, in Markdown

	evidence string // what the file is: a word of the list above the table
	licenses string // where it finds licences; "" for nowhere
	edges    string // where it finds what a package needs; "" for nowhere
}

// catalogers returns the table. Deleting a row deletes the feature.
func catalogers() []cataloger {
	return []cataloger{
		{name: "dpkg", version: 2, want: isDpkgStatus, read: readDpkgStatus, title: "Debian, Ubuntu and derivatives", types: "deb",
			files:    "`var/lib/dpkg/status`, distroless images' `var/lib/dpkg/status.d/*`; owned files from `info/*.list` and `*.md5sums`",
			evidence: "database", licenses: "`usr/share/doc/*/copyright`", edges: "`Depends`, `Pre-Depends`"},
		{name: "chisel", version: 1, want: isChiselManifest, read: whole(parseChiselManifest), title: "Ubuntu's chiselled images", types: "deb",
			files:    "`var/lib/chisel/manifest.wall`",
			evidence: "database"},
		{name: "apk", version: 2, want: isApkDatabase, read: whole(parseApkInstalled), roaming: true, title: "Alpine, Wolfi, Chainguard and derivatives", types: "apk",
			files:    "`lib/apk/db/installed`, `usr/lib/apk/db/installed`",
			evidence: "database", licenses: "`L:`", edges: "`D:`, `p:`"},
		{name: "rpm", version: 2, want: isRpmDatabase, read: readRpmDatabase, roaming: true, again: withRpmLog, title: "RHEL, Fedora, SUSE and derivatives", types: "rpm",
			files:    "`rpmdb.sqlite` with its log, `Packages.db` (ndb), `Packages` (Berkeley DB) in `var/lib/rpm`, `usr/lib/sysimage/rpm`, `usr/share/rpm`",
			evidence: "database", licenses: "the header", edges: "requirements"},
		{name: "pacman", version: 2, want: isPacmanDesc, read: whole(parsePacmanDesc), title: "Arch Linux", types: "alpm",
			files:    "`var/lib/pacman/local/*/desc` and `files`",
			evidence: "database", licenses: "`%LICENSE%`", edges: "`%DEPENDS%`"},
		{name: "rpmmanifest", version: 1, want: isRpmManifest, read: whole(parseRpmManifest), title: "Azure Linux's distroless images", types: "rpm",
			files:    "`var/lib/rpmmanifest/container-manifest-2`",
			evidence: "database"},
		{name: "portage", version: 1, want: isPortageContents, read: readPortageContents, title: "Gentoo", types: "ebuild",
			files:    "`var/db/pkg/*/*/CONTENTS`",
			evidence: "record"},
		{name: "opkg", version: 1, want: isOpkgStatus, read: whole(parseOpkgStatus), title: "OpenWrt and Yocto", types: "opkg",
			files:    "`usr/lib/opkg/status`, `var/lib/opkg/status`",
			evidence: "database", edges: "`Depends`"},
		{name: "bottlerocket", version: 1, want: isBottlerocketInventory, read: whole(parseBottlerocketInventory), title: "Bottlerocket", types: "rpm",
			files:    "`usr/share/bottlerocket/application-inventory.json`",
			evidence: "database"},
		{name: "cos", version: 1, want: isCOSPackages, read: whole(parseCOSPackages), title: "Container-Optimized OS", types: "ebuild",
			files:    "`etc/cos-package-info.json`",
			evidence: "database"},
		{name: "snap", version: 1, want: isSnap, read: whole(parseSnap), title: "Snaps", types: "snap",
			files:    "`snap/*/*/meta/snap.yaml`",
			evidence: "record", licenses: "`license`"},
		{name: "flatpak", version: 1, want: isFlatpak, read: readFlatpak, title: "Flatpak", types: "flatpak",
			files:    "the path of `flatpak/app/*/*/*/*/metadata` and of runtimes",
			evidence: "record"},
		{name: "npm", version: 3, want: isPackageJSON, read: readPackageJSON, title: "Node.js", types: "npm",
			files:    "`package.json` in `node_modules`, in Debian's `usr/share/nodejs`, in folders named after package and version, and of programs that are published; npm, pnpm, Yarn",
			evidence: "record", licenses: "`license`", edges: "`dependencies`, optional and peer ones"},
		{name: "yarncache", version: 2, want: isYarnCache, read: readYarnCache, title: "Node.js, Yarn's Plug'n'Play", types: "npm",
			files:    "`.yarn/cache/*.zip`",
			evidence: "record", licenses: "`license`", edges: "`dependencies`"},
		{name: "gobinary", version: 5, want: isExecutable, read: readGoBinary, title: "Go", types: "golang",
			files:    "the build information and the table of functions of ELF, PE and Mach-O files",
			evidence: "bytes", edges: "the main module depends on all"},
		{name: "python", version: 4, want: isPythonMetadata, read: readPython, title: "Python", types: "pypi",
			files:    "`*.dist-info/METADATA`, `*.egg-info`, `EGG-INFO/PKG-INFO`, `*.egg`",
			evidence: "record", licenses: "`License-Expression`, `License`, classifiers", edges: "`Requires-Dist`"},
		{name: "conda", version: 2, want: isCondaMeta, read: whole(parseCondaMeta), title: "Conda", types: "conda",
			files:    "`conda-meta/*.json`",
			evidence: "record", licenses: "`license`", edges: "`depends`"},
		{name: "java", version: 4, want: isJar, read: readJar, title: "Java", types: "maven",
			files:    "`pom.properties`, manifest or name of `*.jar`, `.war`, `.ear`, `.par`, `.jpi`, `.hpi`, `.sar`, `.nar`, `.kar`, also in each other",
			evidence: "archive", licenses: "`Bundle-License`, `pom.xml`", edges: "what is in the archive"},
		{name: "jvm", version: 1, want: isJVMRelease, read: whole(parseJVMRelease), title: "Java runtimes", types: "generic",
			files:    "`release`; matched against Bitnami's advisories for `java`",
			evidence: "record"},
		{name: "ruby", version: 2, want: isGemspec, read: whole(parseGemspec), title: "Ruby", types: "gem",
			files:    "`specifications/*.gemspec`, `specifications/default/*.gemspec`",
			evidence: "record", licenses: "`licenses`", edges: "runtime dependencies"},
		{name: "php", version: 2, want: isComposerInstalled, read: whole(parseComposerInstalled), title: "PHP", types: "composer",
			files:    "`composer/installed.json`",
			evidence: "record", licenses: "`license`", edges: "`require`"},
		{name: "pear", version: 1, want: isPearRegistry, read: whole(parsePearRegistry), title: "PHP's PEAR and PECL", types: "pear",
			files:    "`.registry/*.reg`, `.registry/.channel.*/*.reg`",
			evidence: "record", licenses: "`license`"},
		{name: "wordpress", version: 1, want: isWordPressPlugin, read: readWordPressPlugin, title: "WordPress' plugins", types: "wordpress-plugin",
			files:    "the header of `*.php` in `wp-content/plugins` and in the folders there",
			evidence: "record", licenses: "`License`"},
		{name: "dotnet", version: 2, want: isDepsJSON, read: whole(parseDepsJSON), title: ".NET", types: "nuget",
			files:    "`*.deps.json`",
			evidence: "record", edges: "`targets`"},
		{name: "dotnetruntime", version: 1, want: isDotnetRuntime, read: readDotnetRuntime, title: ".NET's runtime", types: "nuget",
			files:    "the version resource of `System.Private.CoreLib.dll` and `Microsoft.AspNetCore.dll`, where no `deps.json` names the runtime",
			evidence: "bytes"},
		{name: "dotnetconfig", version: 1, want: isRuntimeConfig, read: whole(parseRuntimeConfig), title: ".NET's runtime, as programs name it", types: "nuget",
			files:    "`*.runtimeconfig.json`, where nothing else names the runtime of a self-contained program, and no shared one is there",
			evidence: "declared"},
		{name: "rust", version: 2, want: isExecutable, read: readRustBinary, title: "Rust, built with cargo-auditable", types: "cargo",
			files:    "the section `.dep-v0` of ELF, PE and Mach-O files",
			evidence: "bytes", edges: "the list in the section"},
		{name: "program", version: 3, want: isProgram, read: readProgram, title: "Programs that no package manager installed", types: "bitnami generic",
			files:    "[these](#programs), by the bytes of their files",
			evidence: "bytes"},
		{name: "erlang", version: 2, want: isErlangApp, read: whole(parseErlangApp), title: "Erlang and Elixir", types: "hex otp",
			files:    "`ebin/*.app`",
			evidence: "record"},
		{name: "r", version: 2, want: isRDescription, read: whole(parseRDescription), title: "R", types: "cran",
			files:    "`DESCRIPTION` of installed packages",
			evidence: "record", licenses: "`License`"},
		{name: "lua", version: 1, want: isRockspec, read: readRockspec, title: "Lua", types: "luarocks",
			files:    "`*.rockspec`",
			evidence: "record"},
		{name: "perl", version: 2, want: isPerlInstall, read: whole(parsePerlInstall), title: "Perl", types: "cpan",
			files:    "`.meta/*/install.json`",
			evidence: "record"},
		{name: "homebrew", version: 1, want: isHomebrewReceipt, read: readHomebrewReceipt, title: "Homebrew", types: "brew",
			files:    "`Cellar/NAME/VERSION/INSTALL_RECEIPT.json`",
			evidence: "record"},
		{name: "sbom", version: 1, want: isBOM, read: whole(parseImageBOM), declared: true, title: "SBOMs in the image", types: "",
			files:    "`*.cdx.json`, `*.spdx.json`, `bom.json`, `sbom.json`, `usr/share/sbom/*.json`, `var/lib/db/sbom/*.json`, Bitnami's `.spdx-*.spdx`",
			evidence: "declared", licenses: "the SBOM", edges: "the SBOM, as target"},
		{name: "lock", version: 5, want: isLockFile, read: readLockFile, again: withOthers, declared: true, title: "Lock files", types: "npm pypi gem composer cargo golang pub hex nuget maven conda cran bioconductor swift conan hackage opam julia githubactions cocoapods terraform jsr",
			files: "`package-lock.json`, `npm-shrinkwrap.json`, `yarn.lock`, `pnpm-lock.yaml`, `bun.lock`, `bun.lockb`, `deno.lock`; `poetry.lock`, `uv.lock`, `pdm.lock`, `pylock.toml`, `Pipfile.lock`, `Pipfile`, `requirements.txt`; " +
				"`environment.yml`, `conda-lock.yml`; `Gemfile.lock`; `composer.lock`; `Cargo.lock`; `go.mod`; `pubspec.lock`; `mix.lock`, `rebar.lock`; " +
				"`packages.lock.json`, `packages.config`, `Directory.Packages.props`, `*.csproj`, `*.fsproj`, `*.vbproj`; `gradle.lockfile`, `pom.xml`, `ivy.xml`, `build.sbt`; `renv.lock`; `Package.resolved`; `Podfile.lock`; " +
				"`conan.lock`, `conanfile.txt`; `stack.yaml.lock`, `cabal.project.freeze`; `*.opam.locked`, opam's `switch-state`; `Manifest.toml` of Julia; `.terraform.lock.hcl`; `.github/workflows/*.yml`, `.github/actions/**/action.yml`",
			evidence: "declared", edges: "npm, pnpm, Yarn, Bun, Deno, Poetry, PDM, uv, PEP 751, Composer, Cargo, Julia"},
	}
}
