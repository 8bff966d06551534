package catalog

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// lockSamples are short forms of what each tool writes.
var lockSamples = []struct{ tool, base, text, want string }{
	{"npm 7 and later", "package-lock.json", `{"name": "app", "lockfileVersion": 3, "packages": {
	"": {"name": "app", "version": "1.0.0", "dependencies": {"a": "^1"}},
	"node_modules/a": {"version": "1.2.3", "resolved": "https://registry.npmjs.org/a/-/a-1.2.3.tgz", "dependencies": {"b": "*"}},
	"node_modules/@s/b": {"version": "2.0.0-rc.1"}, "node_modules/a/node_modules/@s/b": {"version": "1.0.0"},
	"node_modules/alias": {"name": "real", "version": "3.0.0"}, "node_modules/d": {"version": "1.0.0", "dev": true},
	"packages/w": {"version": "1.0.0"}, "node_modules/w": {"resolved": "packages/w", "link": true},
	"node_modules/git": {"version": "git+ssh://git@github.com/x/y.git#abc"}}}`,
		"@s/b@1.0.0 @s/b@2.0.0-rc.1 a@1.2.3 git@abc real@3.0.0"},
	{"npm 6", "package-lock.json", `{"lockfileVersion": 1, "dependencies": {"a": {"version": "1.0.0", "requires": {"b": "*"}, "dependencies": {"b": {"version": "2.0.0"}}},
	"d": {"version": "1.0.0", "dev": true, "dependencies": {"e": {"version": "1.0.0"}}}, "alias": {"version": "npm:@s/real@4.0.0"}, "f": {"version": "file:../f"}}}`,
		"@s/real@4.0.0 a@1.0.0 b@2.0.0"},
	{"Yarn 1", "yarn.lock", "# yarn lockfile v1\n\n\n\"@babel/core@^7.0.0\", \"@babel/core@^7.1.0\":\n  version \"7.1.0\"\n  resolved \"https://registry.yarnpkg.com/x\"\n  dependencies:\n    version \"^9\"\n    a \"^1\"\n\na@^1.0.0, a@~1.1.0:\n  version \"1.1.5\"\n\n" +
		"\"alias@npm:real@^2\":\n  version \"2.0.0\"\n\n\"f@file:../f\":\n  version \"1.0.0\"\n", "@babel/core@7.1.0 a@1.1.5 real@2.0.0"},
	{"Yarn Berry", "yarn.lock", "__metadata:\n  version: 8\n  cacheKey: 10c0\n\n\"@babel/core@npm:^7.0.0, @babel/core@npm:^7.1.0\":\n  version: 7.1.0\n  resolution: \"@babel/core@npm:7.1.0\"\n  dependencies:\n    a: \"npm:^1\"\n  checksum: 10c0/ab\n  languageName: node\n  linkType: hard\n\n" +
		"\"app@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"app@workspace:.\"\n\n\"typescript@patch:typescript@npm%3A4.9.5#optional!builtin<compat/typescript>\":\n  version: 4.9.5\n  resolution: \"typescript@patch:typescript@npm%3A4.9.5#optional!builtin<compat/typescript>::version=4.9.5&hash=ad5954\"\n",
		"@babel/core@7.1.0 typescript@4.9.5"},
	{"pnpm 7", "pnpm-lock.yaml", "lockfileVersion: 5.4\n\nspecifiers:\n  a: ^1\n\ndependencies:\n  a: 1.0.0\n\npackages:\n\n  /@babel/core/7.1.0:\n    resolution: {integrity: sha512-x}\n    dev: false\n\n  /a/1.0.0_react@18.2.0:\n    resolution: {integrity: sha512-x}\n    dev: false\n\n  /d/1.0.0:\n    resolution: {integrity: sha512-x}\n    dev: true\n",
		"@babel/core@7.1.0 a@1.0.0"},
	{"pnpm 8", "pnpm-lock.yaml", "lockfileVersion: '6.0'\n\npackages:\n\n  /@babel/core@7.1.0(supports-color@5.0.0):\n    resolution: {integrity: sha512-x}\n    dependencies:\n      dev: true\n    dev: false\n\n  /d@1.0.0:\n    dev: true\n", "@babel/core@7.1.0"},
	{"pnpm 9", "pnpm-lock.yaml", "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n        specifier: ^1\n        version: 1.0.0(@babel/core@7.1.0)\n      '@babel/core':\n        specifier: ^7\n        version: 7.1.0\n\npackages:\n\n  '@babel/core@7.1.0':\n    resolution: {integrity: sha512-x}\n\n  a@1.0.0:\n    resolution: {integrity: sha512-x}\n    engines: {node: '>=6'}\n\nsnapshots:\n\n  b@9.9.9: {}\n",
		"@babel/core@7.1.0 a@1.0.0"},
	{"pnpm 9, for development", "pnpm-lock.yaml", "lockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n        specifier: ^1\n        version: 1.0.0(c@3.0.0)\n      alias:\n        specifier: npm:real@^2\n        version: real@2.0.0\n      git:\n        specifier: github:x/git\n        version: https://codeload.github.com/x/git/tar.gz/abc\n      mine:\n        specifier: workspace:*\n        version: link:../mine\n    devDependencies:\n      d:\n        specifier: ^1\n        version: 1.0.0\n  packages/w:\n    optionalDependencies:\n      o:\n        specifier: ^1\n        version: 1.5.0\n\npackages:\n\n  a@1.0.0:\n    resolution: {integrity: sha512-x}\n    peerDependencies:\n      c: '*'\n\n  b@2.0.0:\n    resolution: {integrity: sha512-x}\n\n  c@3.0.0:\n    resolution: {integrity: sha512-x}\n\n  d@1.0.0:\n    resolution: {integrity: sha512-x}\n\n  e@1.0.0:\n    resolution: {integrity: sha512-x}\n\n  git@https://codeload.github.com/x/git/tar.gz/abc:\n    resolution: {tarball: https://codeload.github.com/x/git/tar.gz/abc}\n    version: 4.0.0\n\n  o@1.5.0:\n    resolution: {integrity: sha512-x}\n\n  real@2.0.0:\n    resolution: {integrity: sha512-x}\n\nsnapshots:\n\n  a@1.0.0(c@3.0.0):\n    dependencies:\n      b: 2.0.0\n      c: 3.0.0\n\n  b@2.0.0: {}\n\n  d@1.0.0:\n    dependencies:\n      b: 2.0.0\n      e: 1.0.0\n",
		"a@1.0.0 b@2.0.0 c@3.0.0 git@4.0.0 o@1.5.0 real@2.0.0"},
	{"pnpm 11, two documents", "pnpm-lock.yaml", "---\nlockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    configDependencies: {}\n    packageManagerDependencies:\n      pnpm:\n        specifier: 11.9.0\n        version: 11.9.0\n\npackages:\n\n  pnpm@11.9.0:\n    resolution: {integrity: sha512-x}\n\nsnapshots:\n\n  pnpm@11.9.0: {}\n\n---\nlockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n        specifier: ^1\n        version: 1.0.0\n\npackages:\n\n  a@1.0.0:\n    resolution: {integrity: sha512-x}\n\nsnapshots:\n\n  a@1.0.0: {}\n", "a@1.0.0"},
	{"Yarn 1, rewritten by npm", "yarn.lock", "# yarn lockfile v1\n\n\n\"@babel/core@^7.0.0\", \"@babel/core@^7.1.0\":\n  \"integrity\" \"sha512-x\"\n  \"resolved\" \"https://registry.npmjs.org/x.tgz\"\n  \"version\" \"7.1.0\"\n  dependencies:\n    \"a\" \"^1\"\n\n\"a@^1\":\n  \"version\" \"1.1.5\"\n", "@babel/core@7.1.0 a@1.1.5"},
	{"Yarn, from repositories", "yarn.lock", "\"a@git+https://git.example.com/a.git#v1\":\n  version \"1.0.0\"\n  resolved \"git+https://git.example.com/a.git#abc\"\n\n\"b@x/b\":\n  version \"0.0.0-dev\"\n  resolved \"https://codeload.github.com/x/b/tar.gz/abc\"\n", "a@1.0.0 b@0.0.0-dev"},
	{"Bun", "bun.lock", "{\n  // written by bun\n  \"lockfileVersion\": 1,\n  \"workspaces\": {\n    \"\": {\"name\": \"app\", \"dependencies\": {\"a\": \"^1\", \"w\": \"workspace:*\",}, \"devDependencies\": {\"d\": \"1\",},},\n    \"packages/w\": {\"name\": \"w\", \"optionalDependencies\": {\"@s/o\": \"1\"}, /* none */},\n  },\n  \"packages\": {\n    \"a\": [\"a@1.2.0\", \"\", {\"dependencies\": {\"b\": \"^2\", \"g\": \"x/g\"}}, \"sha512-x//\"],\n    \"a/b\": [\"b@2.0.0\", \"\", {}, \"sha512-x\"],\n    \"b\": [\"b@1.0.0\", \"\", {}, \"sha512-x\"],\n    \"d\": [\"d@1.0.0\", \"\", {\"dependencies\": {\"b\": \"^1\"}}, \"sha512-x\"],\n    \"g\": [\"g@github:x/g#abc1234\", {}, \"x-g-abc1234\"],\n    \"@s/o\": [\"@s/o@1.0.0\", \"\", {}, \"sha512-x\"],\n    \"w\": [\"w@workspace:packages/w\"],\n  },\n}\n", "@s/o@1.0.0 a@1.2.0 b@2.0.0 g@abc1234"},
	{"Poetry", "poetry.lock", "# This file is automatically @generated by Poetry 1.8.2\n\n[[package]]\nname = \"Jinja2\"\nversion = \"3.1.2\"\ndescription = \"A = b\"\noptional = false\nfiles = [\n    {file = \"x\", hash = \"y\"},\n]\n\n[package.dependencies]\nversion = \">=2.0\"\n\n[[package]]\nname = \"pytest\"\nversion = \"7.0\"\ngroups = [\"dev\"]\n\n[[package]]\nname = \"old\"\nversion = \"1.0\"\ncategory = \"dev\"\n\n[[package]]\nname = \"mine\"\nversion = \"1.0\"\n\n[package.source]\ntype = \"directory\"\nurl = \"x\"\n\n[metadata]\nname = \"no\"\nversion = \"1\"\n",
		"Jinja2@3.1.2"},
	{"uv", "uv.lock", "version = 1\nrequires-python = \">=3.12\"\n\n[[package]]\nname = \"anyio\"\nversion = \"4.4.0\"\nsource = { registry = \"https://pypi.org/simple\" }\ndependencies = [\n    { name = \"idna\" },\n]\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = { virtual = \".\" }\ndependencies = [\n    { name = \"anyio\" },\n]\n", "anyio@4.4.0"},
	{"uv, for development", "uv.lock", "version = 1\n\n[manifest]\nmembers = [\"shop\", \"part\"]\n\n[[package]]\nname = \"shop\"\nversion = \"0.1.0\"\nsource = { virtual = \".\" }\ndependencies = [\n    { name = \"a\", extra = [\"x\"] },\n    { name = \"part\" },\n]\n\n[package.optional-dependencies]\npg = [{ name = \"opt\" }]\n\n[package.dev-dependencies]\ndev = [\n    { name = \"d\" },\n]\n\n[[package]]\nname = \"part\"\nversion = \"0.1.0\"\nsource = { editable = \"part\" }\ndependencies = [{ name = \"g\" }]\n\n[[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = { registry = \"https://x\" }\n\n[package.optional-dependencies]\nx = [{ name = \"ax\", version = \"2.0\" }]\ny = [{ name = \"ay\" }]\n\n[[package]]\nname = \"ax\"\nversion = \"2.0\"\nsource = { registry = \"https://x\" }\n\n[[package]]\nname = \"ax\"\nversion = \"3.0\"\nsource = { registry = \"https://x\" }\n\n[[package]]\nname = \"ay\"\nversion = \"1.0\"\nsource = { registry = \"https://x\" }\n\n[[package]]\nname = \"d\"\nversion = \"1.0\"\nsource = { registry = \"https://x\" }\ndependencies = [{ name = \"a\" }]\n\n[[package]]\nname = \"g\"\nversion = \"1.5\"\nsource = { git = \"https://x?rev=1#abc\" }\n\n[[package]]\nname = \"opt\"\nversion = \"1.0\"\nsource = { registry = \"https://x\" }\n",
		"a@1.0 ax@2.0 g@1.5 opt@1.0"},
	{"PDM", "pdm.lock", "[metadata]\ngroups = [\"default\", \"test\"]\n\n[[package]]\nname = \"a\"\nversion = \"1.0\"\ngroups = [\"default\"]\ndependencies = [\n    \"b>=1\",\n]\nfiles = [\n    {file = \"a.whl\", hash = \"x\"},\n]\n\n[[package]]\nname = \"b\"\nversion = \"1.1\"\ngroups = [\"default\", \"test\"]\n\n[[package]]\nname = \"t\"\nversion = \"1.0\"\ngroups = [\"test\"]\n", "a@1.0 b@1.1"},
	{"pip, with options", "requirements.txt", "jinja2==2.10 --config-settings=build=fast --hash=sha256:aa\nrequests==2.25.0 -C opt=1\nflask == 1.0 --global-option=\"x\" # why\nold (==0.5)\nexact===1.2.3\nsix==1.16.0 \\\r\n    --hash=sha256:y \\\r\n    --hash=sha256:z\r\ntagged @ git+https://git.example.com/tagged.git@v3.1#subdirectory=x\nwheel-one @ https://x.example.com/wheel_one-1.4-py3-none-any.whl#sha256=aa\n-e git+https://git.example.com/egg.git@abc123#egg=egg_one\nhttps://x.example.com/sdist-2.5.tar.gz\n-r other.txt\n--index-url https://x.example.com\n-c constraints.txt\n",
		"egg_one@abc123 exact@1.2.3 flask@1.0 jinja2@2.10 old@0.5 requests@2.25.0 sdist@2.5 six@1.16.0 tagged@3.1 wheel-one@1.4"},
	{"Pipenv", "Pipfile.lock", `{"_meta": {}, "default": {"django": {"version": "==3.2", "hashes": []}, "git": {"git": "https://x", "ref": "x"}}, "develop": {"pytest": {"version": "==7.0"}}}`, "django@3.2 git@x"},
	{"pip", "requirements.txt", "# a == 1\n-r other.txt\nDjango==3.2 # why\nrequests[security]==2.31.0 ; python_version >= '3.8' --hash=sha256:x\nflask>=1.0\nsix == 1.16.0 \\\n    --hash=sha256:y\na==1.0,<2\nb==1.*\n==\n", "Django@3.2 requests@2.31.0 six@1.16.0"},
	{"Bundler", "Gemfile.lock", "GIT\n  remote: https://x\n  specs:\n    mine (1.0)\n\nGEM\n  remote: https://rubygems.org/\n  specs:\n    actionpack (7.0.4)\n      rack (~> 2.0, >= 2.2.0)\n    nokogiri (1.15.0-x86_64-linux)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n    x (1)\n\nBUNDLED WITH\n   2.4.1\n", "actionpack@7.0.4 mine@1.0 nokogiri@1.15.0"},
	{"Composer", "composer.lock", `{"packages": [{"name": "symfony/yaml", "version": "v6.0.0", "require": []}, {"name": "a/b", "version": "dev-main"}], "packages-dev": [{"name": "x/y", "version": "1.0"}]}`, "a/b@dev-main symfony/yaml@v6.0.0"},
	{"Cargo", "Cargo.lock", "version = 3\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"serde\",\n]\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.100\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"x\"\n\n[[package]]\nname = \"forked\"\nversion = \"0.3.0\"\nsource = \"git+https://git.example.com/forked?rev=1#abc\"\n", "forked@0.3.0 serde@1.0.100"},
	{"Go", "go.mod", "module example.com/app // mine\n\ngo 1.22\n\nrequire golang.org/x/net v0.1.0\nrequire (\n\tgithub.com/a/b v1.0.0 // indirect\n\t\"c.d/e\" v2.0.0+incompatible\n\tf.g/h v1.0.0\n)\n\nreplace (\n\tf.g/h => ../h\n\tgithub.com/a/b v1.0.0 => github.com/fork/b v1.0.1\n)\nreplace golang.org/x/net => golang.org/x/net v0.2.0\nexclude c.d/e v1.0.0\n",
		"c.d/e@v2.0.0+incompatible github.com/fork/b@v1.0.1 golang.org/x/net@v0.2.0"},
	{"Dart", "pubspec.lock", "# Generated by pub\npackages:\n  http:\n    dependency: \"direct main\"\n    description:\n      name: http\n      url: \"https://pub.dev\"\n      version: no\n    source: hosted\n    version: \"0.13.5\"\n  test:\n    dependency: \"direct dev\"\n    source: hosted\n    version: \"1.0.0\"\n  flutter:\n    dependency: \"direct main\"\n    source: sdk\n    version: \"0.0.0\"\nsdks:\n  dart: \">=2.18.0\"\n", "http@0.13.5"},
	{"Mix", "mix.lock", "%{\n  \"plug\": {:hex, :plug, \"1.14.0\", \"ba4f\", [:mix], [{:mime, \"~> 1.0\"}], \"hexpm\", \"bf02\"},\n  \"x\": {:git, \"https://x\", \"abc\", []},\n}\n", "plug@1.14.0 x@abc"},
	{"NuGet", "packages.lock.json", `{"version": 1, "dependencies": {"net6.0": {"Newtonsoft.Json": {"type": "Direct", "requested": "[12.0.1, )", "resolved": "12.0.1"}, "mine": {"type": "Project"}}}}`, "Newtonsoft.Json@12.0.1"},
	{"Gradle", "gradle.lockfile", "# This is a Gradle generated file\norg.slf4j:slf4j-api:2.0.1=compileClasspath,runtimeClasspath\n  # com.example:d:2.0=runtimeClasspath\njunit:junit:4.12=testCompileClasspath,testRuntimeClasspath\nempty=annotationProcessor\n", "org.slf4j:slf4j-api@2.0.1"},
	{"Deno", "deno.lock", `{"version": "4", "specifiers": {"npm:chalk@5": "5.3.0"}, "jsr": {"@std/x@1.0.0": {}}, "npm": {"chalk@5.3.0": {"integrity": "x", "dependencies": ["a"]}, "a@1.0.0_b@2.0.0": {"integrity": "x"}, "@s/c@1.1.0": {}}}`, "@s/c@1.1.0 @std/x@1.0.0 a@1.0.0 chalk@5.3.0"},
	{"Deno 1, with JSR", "deno.lock", `{"version":"3","packages":{"specifiers":{"jsr:@std/path@1":"jsr:@std/path@1.0.0"},"jsr":{"@std/path@1.0.0":{"integrity":"x"}},"npm":{"chalk@5.3.0":{"integrity":"x","dependencies":{}}}},"remote":{}}`, "@std/path@1.0.0 chalk@5.3.0"},
	{"npm 6, an archive's address", "package-lock.json", `{"lockfileVersion":1,"dependencies":{"t":{"version":"https://example.com/t-1.2.3.tgz"},"u":{"version":"file:u-2.0.0-rc.1.tgz"}}}`, "t@1.2.3 u@2.0.0-rc.1"},
	{"Gradle, what alone compiles", "gradle.lockfile", "a:both:1.0=compileClasspath,runtimeClasspath\na:compile:1.0=compileClasspath\na:android:1.0=releaseRuntimeClasspath\na:test:1.0=testRuntimeClasspath,debugAndroidTestRuntimeClasspath\nempty=\n", "a:android@1.0 a:both@1.0"},
	{"Gradle, no name of what runs", "gradle.lockfile", "a:b:1.0=compileClasspath\na:test:1.0=testImplementation\n", "a:b@1.0"},
	{"Gradle's own build", "buildscript-gradle.lockfile", "a:b:1.0=classpath\n", ""},
	{"Conan 1", "conan.lock", `{"graph_lock":{"nodes":{"0":{"ref":"app/1.0","requires":["1"]},"1":{"ref":"zlib/1.2.11#0"},"2":{"ref":"cmake/3.1","context":"build"}}},"version":"0.4"}`, "zlib@1.2.11"},
	{"GitHub, in one line", ".github/workflows/a.yaml", "jobs:\n  a:\n    uses: o/r/.github/workflows/x.yml@v1\n  b:\n    steps:\n      - {uses: 'actions/checkout@v4'}\n      - { name: x, uses: \"a/b@v2\", with: {c: d} } # c\n      - \"uses\": c/d@v3\n      # - uses: e/f@v1\n      - name: uses x/y@v1\n", "a/b@v2 actions/checkout@v4 c/d@v3 o/r@v1"},
	{"an action of GitHub's", "x/.github/actions/build/action.yml", "runs:\n  using: composite\n  steps:\n    - uses: actions/cache@v3\n", "actions/cache@v3"},
	{"Deno 1", "deno.lock", `{"version": "3", "packages": {"specifiers": {}, "npm": {"chalk@5.3.0": {"integrity": "x", "dependencies": {"a": "a@1.0.0"}}, "a@1.0.0": {}}}}`, "a@1.0.0 chalk@5.3.0"},
	{"Deno's first", "deno.lock", `{"version": "2", "npm": {"specifiers": {}, "packages": {"chalk@5.3.0": {"dependencies": {}}}}}`, "chalk@5.3.0"},
	{"PEP 751", "pylock.toml", "lock-version = \"1.0\"\ncreated-by = \"pip\"\n\n[[packages]]\nname = \"attrs\"\nversion = \"25.1.0\"\n\n[[packages]]\nname = \"t\"\nversion = \"1.0\"\nmarker = \"'test' in dependency_groups\"\n\n[[packages]]\nname = \"g\"\n[packages.vcs]\ntype = \"git\"\ncommit-id = \"abc\"\n", "attrs@25.1.0 g@abc"},
	{"Pipenv's manifest", "Pipfile", "[packages]\nrequests = \"==2.25.0\"\nflask = \"*\"\ndjango = {version = \"==3.2\", extras = [\"x\"]}\n\n[dev-packages]\npytest = \"==7.0\"\n", "django@3.2 requests@2.25.0"},
	{"Conda's environment", "environment.yml", "name: x\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.11.4\n  - conda-forge::numpy=1.26.0=py311_0\n  - scipy>=1.0\n  - pip\n  - pip:\n    - requests==2.25.0\n    - flask\n", "numpy@1.26.0 python@3.11.4 requests@2.25.0"},
	{"conda-lock", "conda-lock.yml", "version: 1\nmetadata:\n  channels:\n  - url: x\npackage:\n- name: numpy\n  version: 1.26.0\n  manager: conda\n  platform: linux-64\n  dependencies:\n    python: '>=3.11'\n  category: main\n- name: numpy\n  version: 1.26.0\n  manager: conda\n  platform: osx-64\n  category: main\n- name: pytest\n  version: 7.0\n  manager: conda\n  category: dev\n- name: requests\n  version: 2.25.0\n  manager: pip\n  category: main\n", "numpy@1.26.0 requests@2.25.0"},
	{"renv", "renv.lock", `{"R": {"Version": "4.3.1"}, "Packages": {"jsonlite": {"Package": "jsonlite", "Version": "1.8.4", "Source": "Repository"}, "limma": {"Package": "limma", "Version": "3.56.2", "Source": "Bioconductor"}}}`, "jsonlite@1.8.4 limma@3.56.2"},
	{"Swift", "Package.resolved", `{"pins": [{"identity": "swift-nio", "kind": "remoteSourceControl", "location": "https://github.com/apple/swift-nio.git", "state": {"revision": "abc", "version": "2.50.0"}}, {"identity": "b", "location": "git@git.example.com:a/b.git", "state": {"branch": "main", "revision": "def"}}], "version": 2}`, "git.example.com/a/b@def github.com/apple/swift-nio@2.50.0"},
	{"Swift's first", "Package.resolved", `{"object": {"pins": [{"package": "Alamofire", "repositoryURL": "https://github.com/Alamofire/Alamofire.git", "state": {"version": "5.4.0"}}]}, "version": 1}`, "github.com/Alamofire/Alamofire@5.4.0"},
	{"CocoaPods", "Podfile.lock", "PODS:\n  - AFNetworking (4.0.1):\n    - AFNetworking/NSURLSession (= 4.0.1)\n  - AFNetworking/NSURLSession (4.0.1)\n  - \"GoogleUtilities/NSData+zlib (7.11.0)\"\n\nDEPENDENCIES:\n  - AFNetworking (~> 4.0)\n\nCOCOAPODS: 1.12.0\n", "AFNetworking@4.0.1 GoogleUtilities@7.11.0"},
	{"Conan 2", "conan.lock", `{"version": "0.5", "requires": ["zlib/1.2.13#97d5730b529b4224045fe7090592d4c1%1692672717.049", "openssl/3.0.8@user/stable#x"], "build_requires": ["cmake/3.25.0#x"]}`, "openssl@3.0.8 zlib@1.2.13"},
	{"Conan 1", "conan.lock", `{"graph_lock": {"nodes": {"0": {"ref": ""}, "1": {"ref": "zlib/1.2.11#x"}, "2": {"ref": "cmake/3.1", "context": "build"}}}}`, "zlib@1.2.11"},
	{"Conan's manifest", "conanfile.txt", "[requires]\nzlib/1.2.13 # why\nfmt/[>9]\n[generators]\ncmake/1.0\n", "zlib@1.2.13"},
	{"NuGet's packages.config", "packages.config", "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<packages>\n  <package id=\"Newtonsoft.Json\" version=\"12.0.2\" targetFramework=\"net48\" />\n  <package id=\"Tool\" version=\"1.0\" developmentDependency=\"true\" />\n</packages>\n", "Newtonsoft.Json@12.0.2"},
	{"MSBuild", "app.csproj", "<Project Sdk=\"Microsoft.NET.Sdk\">\n <ItemGroup>\n  <PackageReference Include=\"Newtonsoft.Json\" Version=\"12.0.2\" />\n  <PackageReference Include=\"Nested\"><Version>[1.0.0]</Version></PackageReference>\n  <PackageReference Include=\"Central\" />\n  <PackageReference Include=\"Any\" Version=\"1.*\" />\n  <PackageReference Include=\"Analyzer\" Version=\"1.0\" PrivateAssets=\"all\" />\n </ItemGroup>\n</Project>\n", "Nested@1.0.0 Newtonsoft.Json@12.0.2"},
	{"NuGet's central versions", "Directory.Packages.props", "<Project><ItemGroup><PackageVersion Include=\"Serilog\" Version=\"2.12.0\" /><PackageVersion Include=\"P\" Version=\"$(PV)\" /></ItemGroup></Project>", "Serilog@2.12.0"},
	{"Ivy", "ivy.xml", "<ivy-module><dependencies><dependency org=\"commons-io\" name=\"commons-io\" rev=\"2.6\"/><dependency org=\"a\" name=\"b\" rev=\"1.+\"/><dependency org=\"junit\" name=\"junit\" rev=\"4.13\" conf=\"test->default\"/></dependencies></ivy-module>", "commons-io:commons-io@2.6"},
	{"sbt", "build.sbt", "scalaVersion := \"2.13.10\"\nlibraryDependencies ++= Seq(\n  \"org.apache.logging.log4j\" % \"log4j-core\" % \"2.14.1\",\n  \"com.typesafe.akka\" %% \"akka-actor\" % \"2.6.0\",\n  \"org.scalatest\" %% \"scalatest\" % \"3.2.0\" % Test\n)\n", "com.typesafe.akka:akka-actor_2.13@2.6.0 org.apache.logging.log4j:log4j-core@2.14.1"},
	{"Maven", "pom.xml", "<project><groupId>a</groupId><artifactId>b</artifactId><version>1</version><properties><v>1.9</v></properties><dependencyManagement><dependencies><dependency><groupId>m</groupId><artifactId>n</artifactId><version>3.0</version></dependency></dependencies></dependencyManagement><dependencies><dependency><groupId>org.apache.commons</groupId><artifactId>commons-text</artifactId><version>${v}</version></dependency><dependency><groupId>m</groupId><artifactId>n</artifactId></dependency><dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.12</version><scope>test</scope></dependency></dependencies></project>", "m:n@3.0 org.apache.commons:commons-text@1.9"},
	{"Stack", "stack.yaml.lock", "packages:\n- completed:\n    hackage: aeson-2.0.3.0@sha256:ab,1\n    pantry-tree:\n      size: 1\n  original:\n    hackage: aeson-2.0.3.0@sha256:ab,1\n- completed:\n    hackage: text-short-0.1.5@sha256:ab,1\nsnapshots: []\n", "aeson@2.0.3.0 text-short@0.1.5"},
	{"Cabal", "cabal.project.freeze", "active-repositories: hackage.haskell.org:merge\nconstraints: any.aeson ==2.0.3.0,\n             aeson -cffi,\n             any.text ==1.2.5.0\nindex-state: x\n", "aeson@2.0.3.0 text@1.2.5.0"},
	{"Rebar", "rebar.lock", "{\"1.2.0\",\n[{<<\"cowboy\">>,{pkg,<<\"cowboy\">>,<<\"2.9.0\">>},0},\n {<<\"x\">>,\n  {git,\"https://x\",\n       {ref,\"abc\"}},\n  0}]}.\n", "cowboy@2.9.0 x@abc"},
	{"opam", "x.opam.locked", "opam-version: \"2.0\"\ndepends: [\n  \"base\" {= \"v0.15.0\"}\n  \"alcotest\" {= \"1.6.0\" & with-test}\n  \"ocaml\" {>= \"4.08\"}\n]\n", "base@v0.15.0"},
	{"opam's switch", "root/.opam/4.14/.opam-switch/switch-state", "opam-version: \"2.0\"\nroots: [\"dune.3.6.1\"]\ninstalled: [\n  \"base.v0.15.0\"\n  \"dune.3.6.1\"\n]\n", "base@v0.15.0 dune@3.6.1"},
	{"Julia", "Manifest.toml", "julia_version = \"1.9.0\"\nmanifest_format = \"2.0\"\n\n[[deps.Dates]]\ndeps = [\"Printf\"]\nuuid = \"x\"\n\n[[deps.JSON]]\ndeps = [\"Dates\"]\ngit-tree-sha1 = \"ab\"\nuuid = \"x\"\nversion = \"0.21.3\"\n", "JSON@0.21.3"},
	{"Julia's first", "Manifest.toml", "[[JSON]]\ngit-tree-sha1 = \"ab\"\nuuid = \"x\"\nversion = \"0.21.3\"\n", "JSON@0.21.3"},
	{"Terraform", ".terraform.lock.hcl", "provider \"registry.terraform.io/hashicorp/aws\" {\n  version     = \"4.60.0\"\n  constraints = \"~> 4.0\"\n  hashes = [\n    \"h1:x\",\n  ]\n}\n", "hashicorp/aws@4.60.0"},
	{"GitHub", ".github/workflows/ci.yml", "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n      - name: x\n        uses: tj-actions/changed-files@0123456789012345678901234567890123456789 # v44.0.0\n      - uses: ./local\n      - uses: docker://alpine:3.18\n      - uses: a/b/sub@main\n", "a/b@main actions/checkout@v4 tj-actions/changed-files@v44.0.0"},
}

// ofDevelopment is what the samples name for development alone, by tool.
var ofDevelopment = map[string]string{
	"npm 7 and later": "d@1.0.0", "npm 6": "d@1.0.0 e@1.0.0", "pnpm 7": "d@1.0.0", "pnpm 8": "d@1.0.0", "pnpm 9, for development": "d@1.0.0 e@1.0.0", "Bun": "b@1.0.0 d@1.0.0",
	"Poetry": "old@1.0 pytest@7.0", "uv, for development": "d@1.0", "PDM": "t@1.0", "Pipenv": "pytest@7.0", "PEP 751": "t@1.0", "Pipenv's manifest": "pytest@7.0", "conda-lock": "pytest@7.0",
	"Composer": "x/y@1.0", "Dart": "test@1.0.0", "Gradle": "junit:junit@4.12", "sbt": "org.scalatest:scalatest_2.13@3.2.0", "Maven": "junit:junit@4.12", "Ivy": "junit:junit@4.13",
	"NuGet's packages.config": "Tool@1.0", "MSBuild": "Analyzer@1.0", "opam": "alcotest@1.6.0",
	"Gradle, what alone compiles": "a:compile@1.0 a:test@1.0", "Gradle, no name of what runs": "a:test@1.0", "Gradle's own build": "a:b@1.0",
}

func TestLockFiles(t *testing.T) {
	for _, sample := range lockSamples {
		t.Run(sample.tool, func(t *testing.T) {
			packages, err := lockParser(sample.base)([]byte(sample.text))
			if err != nil {
				t.Fatal(err)
			}
			var got, development []string
			for _, p := range packages {
				if p.Development {
					development = append(development, p.Name+"@"+p.Version)
				} else {
					got = append(got, p.Name+"@"+p.Version)
				}
			}
			slices.Sort(got)
			slices.Sort(development)
			if diff := cmp.Diff(sample.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(ofDevelopment[sample.tool], strings.Join(development, " ")); diff != "" {
				t.Errorf("of development (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLockFilesCountWhereNothingIsInstalled(t *testing.T) {
	file := imagetest.File
	lock := `{"lockfileVersion": 3, "packages": {"node_modules/a": {"version": "1.0.0"}, "node_modules/b": {"version": "1.0.0"}}}`
	r := inTree(stack(t, []imagetest.Entry{
		file("etc/os-release", bookworm), file(dpkgStatusPath, status("python3-six 1.16.0-4")),
		file("var/lib/dpkg/info/python3-six.list", "/usr/lib/python3/dist-packages/six-1.16.0.egg-info\n/usr/share/six/package-lock.json\n"),
		file("usr/share/six/package-lock.json", lock), // the distribution's, of what its authors had
		file("usr/lib/python3/dist-packages/six-1.16.0.egg-info", "Name: six\nVersion: 1.16.0\n\n"),
		// Installed below, so that b, which is not there, is not listed.
		file("app/package-lock.json", lock), file("app/node_modules/a/package.json", packageJSONText("a", "1.0.0")),
		// Bundled: nothing installed. A global package of one of the names is no sign.
		file("bundle/package-lock.json", lock), file("bundle/package.json", `{"name":"c","version":"1.0.0","repository":"github:c/c"}`),
		// What a package brings along says nothing of the image.
		file("app/node_modules/a/package-lock.json", lock), file("root/go/pkg/mod/x@v1/go.mod", "require y.z/w v1.0.0\n"), file("usr/share/gocode/src/y.z/v/go.mod", "require y.z/w v1.0.0\n"), file("usr/share/go-1.19/src/cmd/go.mod", "require y.z/w v1.0.0\n"),
		file("x/testdata/go.mod", "require y.z/w v1.0.0\n"),
		// Debian's six is not the six of the requirements; the installed django is.
		file("one/requirements.txt", "six==1.15.0\n"), file("two/requirements.txt", "Django==3.2\npytest==7.0\n"),
		file("usr/local/lib/python3/site-packages/Django-3.2.1.dist-info/METADATA", "Name: Django\nVersion: 3.2.1\n\n"),
		file("broken/composer.lock", "{"),
	}))
	want := `distro debian 12 etc/os-release
pkg:deb/debian/python3-six@1.16.0-4?arch=amd64&distro=debian-12 source=python3-six@1.16.0-4 layer=0 touched=0 var/lib/dpkg/status@0 files=usr/lib/python3/dist-packages/six-1.16.0.egg-info,usr/share/six/package-lock.json
pkg:npm/a@1.0.0 layer=0 touched=0 app/node_modules/a/package.json@0
pkg:npm/b@1.0.0 layer=0 touched=0 bundle/package-lock.json@0
pkg:npm/c@1.0.0 layer=0 touched=0 bundle/package.json@0
pkg:pypi/django@3.2.1 layer=0 touched=0 usr/local/lib/python3/site-packages/Django-3.2.1.dist-info/METADATA@0
pkg:pypi/six@1.15.0 layer=0 touched=0 one/requirements.txt@0
pkg:pypi/six@1.16.0 layer=0 touched=0 usr/lib/python3/dist-packages/six-1.16.0.egg-info@0 owner=pkg:deb/debian/python3-six@1.16.0-4?arch=amd64&distro=debian-12
warning packages broken/composer.lock@0 incomplete=false: lock: unexpected end of JSON input
`
	if diff := cmp.Diff(want, summary(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range r.Packages {
		if locked := p.Locations[0].Path == "bundle/package-lock.json" || p.Locations[0].Path == "one/requirements.txt"; p.FromLockFile != locked {
			t.Errorf("%s: from a lock file: %v", p.PURL, p.FromLockFile)
		}
	}
}

// TestLockFilesWithManifests: what only development needs is told by the file
// next to the lock.
func TestLockFilesWithManifests(t *testing.T) {
	file := imagetest.File
	yarn1 := "# yarn lockfile v1\n\na@^1.0.0:\n  version \"1.0.0\"\n  dependencies:\n    b \"^2\"\n\nb@^2:\n  version \"2.0.0\"\n\nd@^1:\n  version \"1.0.0\"\n  dependencies:\n    e \"^1\"\n    b \"^2\"\n\ne@^1:\n  version \"1.0.0\"\n\no@1:\n  version \"1.0.0\"\n\nw@1:\n  version \"1.0.0\"\n"
	berry := "__metadata:\n  version: 8\n\n\"a@npm:^1.0.0\":\n  version: 1.0.0\n  resolution: \"a@npm:1.0.0\"\n  dependencies:\n    b: \"npm:^2\"\n\n\"app@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"app@workspace:.\"\n  dependencies:\n    a: \"npm:^1.0.0\"\n    d: \"npm:^1\"\n    part: \"workspace:*\"\n\n\"b@npm:^2\":\n  version: 2.0.0\n  resolution: \"b@npm:2.0.0\"\n\n\"d@npm:^1\":\n  version: 1.0.0\n  resolution: \"d@npm:1.0.0\"\n\n" +
		"\"part@workspace:*, part@workspace:packages/part\":\n  version: 0.0.0-use.local\n  resolution: \"part@workspace:packages/part\"\n  dependencies:\n    w: \"npm:1\"\n    d: \"npm:^1\"\n\n\"w@npm:1\":\n  version: 1.0.0\n  resolution: \"w@npm:1.0.0\"\n"
	poetry := "# @generated by Poetry 1.8.3\n\n[[package]]\nname = \"A.a\"\nversion = \"1.0\"\n\n[package.dependencies]\nb = {version = \">=2\", markers = \"x\"}\n\n[[package]]\nname = \"b\"\nversion = \"2.0\"\n\n[[package]]\nname = \"d\"\nversion = \"1.0\"\n\n[package.dependencies]\nb = \"*\"\ne = \"*\"\n\n[[package]]\nname = \"e\"\nversion = \"1.0\"\n"
	for name, test := range map[string]struct {
		entries []imagetest.Entry
		want    string
	}{
		"Yarn 1": {[]imagetest.Entry{file("app/yarn.lock", yarn1), file("app/package.json", `{"name":"app","private":true,"dependencies":{"a":"^1.0.0"},"optionalDependencies":{"o":"1"},"devDependencies":{"d":"^1"}}`)},
			"a@1.0.0 b@2.0.0 o@1.0.0 | d@1.0.0 e@1.0.0"},
		"Yarn 1 at the root": {[]imagetest.Entry{file("yarn.lock", yarn1), file("package.json", `{"dependencies":{"a":"^1.0.0"}}`)}, "a@1.0.0 b@2.0.0"},
		"Yarn 1 with workspaces": {[]imagetest.Entry{file("app/yarn.lock", yarn1), file("app/package.json", `{"workspaces":["packages/*"],"devDependencies":{"d":"^1"}}`),
			file("app/packages/part/package.json", `{"dependencies":{"w":"1"}}`)}, "w@1.0.0 | b@2.0.0 d@1.0.0 e@1.0.0"},
		"Yarn 1 with a resolution": {[]imagetest.Entry{file("app/yarn.lock", yarn1), file("app/package.json", `{"dependencies":{"a":"~1.0"},"resolutions":{"a":"^1.0.0"}}`)}, "a@1.0.0 b@2.0.0"},
		"Yarn 1 alone":             {[]imagetest.Entry{file("app/yarn.lock", yarn1)}, "a@1.0.0 b@2.0.0 d@1.0.0 e@1.0.0 o@1.0.0 w@1.0.0"},
		"Yarn 1, manifest broken":  {[]imagetest.Entry{file("app/yarn.lock", yarn1), file("app/package.json", `{`)}, "a@1.0.0 b@2.0.0 d@1.0.0 e@1.0.0 o@1.0.0 w@1.0.0"},
		"Yarn Berry": {[]imagetest.Entry{file("app/yarn.lock", berry), file("app/package.json", `{"dependencies":{"a":"^1.0.0","part":"workspace:*"},"devDependencies":{"d":"^1"}}`),
			file("app/packages/part/package.json", `{"dependencies":{"w":"1"},"devDependencies":{"d":"^1"}}`)}, "a@1.0.0 b@2.0.0 w@1.0.0 | d@1.0.0"},
		"Poetry 1.8": {[]imagetest.Entry{file("app/poetry.lock", poetry), file("app/pyproject.toml", "[tool.poetry.dependencies]\npython = \"^3.10\"\na-a = \"*\"\n\n[tool.poetry.group.dev.dependencies]\nd = \"*\"\n")},
			"A.a@1.0 b@2.0 | d@1.0 e@1.0"},
		"Poetry 2.0": {[]imagetest.Entry{file("app/poetry.lock", poetry), file("app/pyproject.toml", "[project]\ndependencies = [\"a_a (>=1,<2)\"]\n[tool.poetry.group.test.dependencies]\nd = \"*\"\n")},
			"A.a@1.0 b@2.0 | d@1.0 e@1.0"},
		"Poetry, no manifest": {[]imagetest.Entry{file("app/poetry.lock", poetry)}, "A.a@1.0 b@2.0 d@1.0 e@1.0"},
	} {
		tree := stack(t, test.entries)
		production, _, _ := strings.Cut(test.want, " | ")
		if diff := cmp.Diff(production, byUse(inTree(tree))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		both, err := Packages(t.Context(), tree, Limits{Development: true})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, byUse(both)); diff != "" {
			t.Errorf("%s, with development (-want +got):\n%s", name, diff)
		}
	}
}

// byUse lists the packages of production, and those of development behind a bar.
func byUse(r Result) string {
	var lists [2][]string
	for _, p := range r.Packages {
		i := 0
		if p.Development {
			i = 1
		}
		lists[i] = append(lists[i], p.Name+"@"+p.Version)
	}
	slices.Sort(lists[0])
	slices.Sort(lists[1])
	if len(lists[1]) == 0 {
		return strings.Join(lists[0], " ")
	}
	return strings.Join(lists[0], " ") + " | " + strings.Join(lists[1], " ")
}

// TestDevelopmentIsAskedFor: the facts of a file are the same whether what only
// development needs is asked for or not, one file's need for production counts for
// all, and what is installed counts more than a lock.
func TestDevelopmentIsAskedFor(t *testing.T) {
	file := imagetest.File
	lock := func(name string, dev bool) string {
		return fmt.Sprintf(`{"packages": {"node_modules/%s": {"version": "1.0.0", "dev": %v}}}`, name, dev)
	}
	for _, test := range []struct {
		name          string
		entries       []imagetest.Entry
		without, with string
	}{
		{"in one lock for development, in the other not", []imagetest.Entry{file("one/package-lock.json", lock("a", true)), file("two/package-lock.json", lock("a", false))}, "a@1.0.0", "a@1.0.0"},
		{"only for development", []imagetest.Entry{file("one/package-lock.json", lock("a", true))}, "", " | a@1.0.0"},
		{"installed", []imagetest.Entry{file("one/package-lock.json", lock("a", true)), file("one/node_modules/b/package.json", packageJSONText("b", "1.0.0"))}, "b@1.0.0", "b@1.0.0"},
		{"a pom with a parent", []imagetest.Entry{
			file("pom.xml", "<project><groupId>g</groupId><artifactId>p</artifactId><version>1</version><dependencyManagement><dependencies><dependency><groupId>x</groupId><artifactId>t</artifactId><version>2.0</version></dependency></dependencies></dependencyManagement></project>"),
			file("part/pom.xml", "<project><parent><groupId>g</groupId><artifactId>p</artifactId><version>1</version></parent><artifactId>part</artifactId><dependencies><dependency><groupId>x</groupId><artifactId>t</artifactId><scope>test</scope></dependency><dependency><groupId>x</groupId><artifactId>c</artifactId><version>1.0</version></dependency></dependencies></project>"),
		}, "x:c@1.0", "x:c@1.0 | x:t@2.0"},
	} {
		tree := stack(t, test.entries)
		for _, development := range []bool{false, true, false} {
			r, err := Packages(t.Context(), tree, Limits{Development: development})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{false: test.without, true: test.with}[development]; byUse(r) != want {
				t.Errorf("%s, development %v: %q, want %q", test.name, development, byUse(r), want)
			}
			left := 0
			if _, behind, found := strings.Cut(test.with, " | "); found && !development {
				left = strings.Count(behind, " ") + 1
			}
			if len(r.Warnings) > 0 || r.Development != left {
				t.Errorf("%s, development %v: %d not listed, want %d; %v", test.name, development, r.Development, left, r.Warnings)
			}
		}
	}
}

// TestLockFilesThatYieldNothing are no silence.
func TestLockFilesThatYieldNothing(t *testing.T) {
	for base, text := range map[string]string{
		"requirements.txt": "flask>=1.0\nrequests\n", "yarn.lock": "what is this\n  version 1\n", "package-lock.json": `{"packages": {"node_modules/a": {"version": "file:../a"}}}`,
		"Gemfile.lock": "GEM\n  specs:\n    rack\n", "Pipfile": "[packages]\nflask = \"*\"\n",
	} {
		if list, wrong := read(t, "app/"+base, []byte(text)); len(list) > 0 || len(wrong) == 0 {
			t.Errorf("%s: %v, %v", base, list, wrong)
		}
	}
	for base, text := range map[string]string{
		"requirements.txt": "# none\n--index-url https://x/simple\n", "yarn.lock": "# yarn lockfile v1\n\n\n", "package-lock.json": `{"packages": {"": {"name": "app"}, "node_modules/d": {"version": "1.0.0", "dev": true}}}`, "composer.lock": `{"packages": []}`,
	} {
		list, wrong := read(t, "app/"+base, []byte(text))
		if list = slices.DeleteFunc(list, func(p sbom.Package) bool { return p.Development }); len(list) > 0 || len(wrong) > 0 {
			t.Errorf("%s: %v, %v", base, list, wrong)
		}
	}
}

// TestManifestsWithoutVersions are complained about unless what they ask for is there.
func TestManifestsWithoutVersions(t *testing.T) {
	file := imagetest.File
	for _, test := range []struct {
		want    int
		entries []imagetest.Entry
	}{
		{1, []imagetest.Entry{file("app/requirements.txt", "flask>=1\n")}},
		{0, []imagetest.Entry{file("app/requirements.txt", "flask>=1\n"), file("usr/lib/python3/site-packages/flask-1.0.dist-info/METADATA", "Name: flask\nVersion: 1.0\n")}},
		{1, []imagetest.Entry{file("app/pom.xml", "<project><dependencies><dependency><groupId>a</groupId><artifactId>b</artifactId></dependency></dependencies></project>")}},
	} {
		if r := inTree(stack(t, test.entries)); len(r.Warnings) != test.want {
			t.Errorf("%v: %+v", test.entries[0].Path, r.Warnings)
		}
	}
}

// TestPomParents: versions that a parent in the image manages count.
func TestPomParents(t *testing.T) {
	file := imagetest.File
	r := inTree(stack(t, []imagetest.Entry{
		file("app/pom.xml", "<project><groupId>a</groupId><artifactId>p</artifactId><version>1</version><packaging>pom</packaging><properties><v>1.9</v><w>2</w></properties><dependencyManagement><dependencies><dependency><groupId>m</groupId><artifactId>n</artifactId><version>${v}</version></dependency></dependencies></dependencyManagement></project>"),
		file("app/part/pom.xml", "<project><parent><groupId>a</groupId><artifactId>p</artifactId><version>1</version></parent><artifactId>c</artifactId><properties><w>3</w></properties><dependencies><dependency><groupId>m</groupId><artifactId>n</artifactId></dependency><dependency><groupId>x</groupId><artifactId>y</artifactId><version>${w}.${v}</version></dependency></dependencies></project>"),
		file("app/target/x/META-INF/maven/a/c/pom.xml", "<project><dependencies><dependency><groupId>no</groupId><artifactId>no</artifactId><version>1</version></dependency></dependencies></project>"),
	}))
	var got []string
	for _, p := range r.Packages {
		got = append(got, p.Name+"@"+p.Version)
	}
	if diff := cmp.Diff([]string{"m:n@1.9", "x:y@3.1.9"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLockFileEdges: what a lock file says of needs is in the list.
func TestLockFileEdges(t *testing.T) {
	want := map[string]string{
		"pnpm 9, for development": "pkg:npm/a@1.0.0: pkg:npm/b@2.0.0 pkg:npm/c@3.0.0", "Bun": "pkg:npm/a@1.2.0: pkg:npm/b@2.0.0 pkg:npm/g@abc1234",
		"uv": "", "PDM": "pkg:pypi/a@1.0: pkg:pypi/b@1.1", "npm 7 and later": "pkg:npm/a@1.2.3:", "Yarn 1, rewritten by npm": "pkg:npm/%40babel/core@7.1.0: pkg:npm/a@1.1.5",
	}
	for _, s := range lockSamples {
		edge, ok := want[s.tool]
		if !ok || edge == "" {
			continue
		}
		list, _ := lockParser(s.base)([]byte(s.text))
		var got []string
		for _, p := range list {
			got = append(got, strings.TrimSpace(p.PURL+": "+strings.Join(p.DependsOn, " ")))
		}
		if !slices.Contains(got, edge) {
			t.Errorf("%s: %q lacks %q", s.tool, got, edge)
		}
	}
}

func TestYarnCache(t *testing.T) {
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, text := range map[string]string{
		"node_modules/@babel/core/package.json":                packageJSONText("@babel/core", "7.1.0"),
		"node_modules/@babel/core/lib/package.json":            `{"type": "module"}`,
		"node_modules/@babel/core/node_modules/x/package.json": packageJSONText("x", "1.0.0"),
	} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
	}
	z.Close()
	h := rootfs.Header{Path: "app/.yarn/cache/@babel-core-npm-7.1.0-abc-def.zip"}
	if !isYarnCache(&h, nil) || isYarnCache(&rootfs.Header{Path: "app/x.zip"}, nil) {
		t.Error("wants the wrong files")
	}
	f, err := readYarnCache(&h, memory{bytes.NewReader(archive.Bytes())})
	if err != nil || len(f.Packages) != 1 || f.Packages[0].PURL != "pkg:npm/%40babel/core@7.1.0" {
		t.Errorf("%+v %v", f, err)
	}
	if _, err := readYarnCache(&h, memory{bytes.NewReader(archive.Bytes()[:100])}); err == nil {
		t.Error("half a zip file is read")
	}
}

func FuzzLockFiles(f *testing.F) {
	for _, s := range lockSamples {
		f.Add(s.base, []byte(s.text))
	}
	costs.Fuzz(f, func(t *testing.T, base string, data []byte) {
		if parse := lockParser(base); parse != nil {
			list, _ := parse(data)
			named(t, list)
		}
	})
}

// TestLockFilesOfTheTools reads what npm 11, pnpm 10, Yarn 1.22 and 4, and Bun 1.2
// wrote for testdata/locks/package.json: all say the same.
func TestLockFilesOfTheTools(t *testing.T) {
	manifest, err := os.ReadFile("testdata/locks/package.json")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/locks/*/*")
	if len(files) != 6 {
		t.Fatalf("%d lock files: %q", len(files), files)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := inTree(stack(t, []imagetest.Entry{imagetest.File("app/"+filepath.Base(name), string(data)), imagetest.File("app/package.json", string(manifest))}))
		var got []string
		for _, p := range r.Packages {
			got = append(got, strings.TrimSpace(p.Name+"@"+p.Version+" "+strings.Join(p.DependsOn, " ")))
		}
		if diff := cmp.Diff([]string{"debug@4.3.4 pkg:npm/ms@2.1.2", "is-number@7.0.0", "minimist@1.2.8", "ms@2.1.2"}, got); diff != "" || len(r.Warnings) > 0 {
			t.Errorf("%s (-want +got):\n%s\n%v", name, diff, r.Warnings)
		}
	}
}

func FuzzBunLockb(f *testing.F) {
	data, err := os.ReadFile("testdata/locks/bunb/bun.lockb")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:200])
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		list, _ := parseBunLockb(data)
		named(t, list)
	})
}

// TestRequirementsOfOtherFiles: what -r names is required, what -c names only says
// which version.
func TestRequirementsOfOtherFiles(t *testing.T) {
	tree := func(files map[string]string) Result {
		entries := make([]imagetest.Entry, 0, len(files))
		for name, content := range files {
			entries = append(entries, imagetest.File(name, content))
		}
		return inTree(stack(t, entries))
	}
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"included": {map[string]string{"app/requirements.txt": "-r requirements/base.txt\n", "app/requirements/base.txt": "\ufeffdjango==2.0\n--requirement more.txt\n", "app/requirements/more.txt": "six==1.12.0 --hash=sha256:00\n"}, "django@2.0 six@1.12.0"},
		"beside":   {map[string]string{"app/x/requirements.txt": "-r ../common.txt\nsix==1.12.0\n", "app/common.txt": "django==2.0\n"}, "django@2.0 six@1.12.0"},
		"constraints": {map[string]string{"app/requirements.txt": "flask>=1.0\nJinja2\n--constraint=c.txt\n", "app/c.txt": "Flask==1.1.0  # why\njinja2==2.10\nnever==1.0\n"},
			"flask@1.1.0 Jinja2@2.10"},
		"cycle":     {map[string]string{"app/requirements.txt": "-r requirements.txt\nsix==1.12.0\n"}, "six@1.12.0"},
		"missing":   {map[string]string{"app/requirements.txt": "-r gone.txt\nsix==1.12.0\n"}, "six@1.12.0"},
		"nothing":   {map[string]string{"app/requirements.txt": "--index-url https://x/simple\nsix==1.12.0\n"}, "six@1.12.0"},
		"elsewhere": {map[string]string{"app/requirements.txt": "-r https://x/y.txt\nsix==1.12.0\n"}, "six@1.12.0"},
	} {
		r := tree(test.files)
		var got []string
		for _, p := range r.Packages {
			got = append(got, p.Name+"@"+p.Version)
			if !p.FromLockFile {
				t.Errorf("%s: %s counts as installed", name, p.PURL)
			}
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: %s, want %s", name, text, test.want)
		}
		if missing := slices.ContainsFunc(r.Warnings, func(w Warning) bool { return strings.Contains(w.Message, "gone.txt") }); missing != (name == "missing") {
			t.Errorf("%s: warnings %+v", name, r.Warnings)
		}
	}
}

// TestRequirementsAreReadOnce: a file that includes itself and others a thousand times is
// read as often as there are files, and what is beyond the bound is said.
func TestRequirementsAreReadOnce(t *testing.T) {
	opened := 0
	text := strings.Repeat("-r a.txt\n-c a.txt\n-r https://x/y.txt\n", 1000)
	r := requirements{lockList: lockList{kind: "pypi"}, read: map[includedFile]bool{}, open: func(string) ([]byte, error) {
		opened++
		return []byte(text), nil
	}}
	r.lines([]byte(text), "", 0)
	if opened != 2 || len(r.wrong) != 0 {
		t.Errorf("opened %d files; %v", opened, r.wrong)
	}
	for i := range maxIncludes {
		r.include(fmt.Sprintf("%d.txt", i), false, 1)
	}
	if opened != maxIncludes || len(r.wrong) != 2 {
		t.Errorf("opened %d files; %v", opened, r.wrong)
	}
}

// TestMSBuildProperties: a version may be written once for several packages.
func TestMSBuildProperties(t *testing.T) {
	packages, err := parseMSBuild([]byte(`<Project><PropertyGroup><SerilogVersion>2.10.0</SerilogVersion><Other>x</Other></PropertyGroup>
<ItemGroup><PackageVersion Include="Serilog" Version="$(SerilogVersion)" /><PackageVersion Include="A" Version="$(Other)" /><PackageVersion Include="B" Version="[2.0.0]" /></ItemGroup></Project>`))
	if err != nil || len(packages) != 2 || packages[0].PURL != "pkg:nuget/Serilog@2.10.0" || packages[1].PURL != "pkg:nuget/B@2.0.0" {
		t.Errorf("%+v, %v", packages, err)
	}
}
