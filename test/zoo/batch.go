//go:build linux

package main

import "github.com/careen/careen/internal/image"

// batch are programs that do one thing and end, many with data that they find by themselves, and such as are compiled here.
func batch() []recipe {
	return []recipe{
		{
			name: "ghostscript", packages: "ghostscript fonts-urw-base35", config: cmd("gs", "-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=txtwrite", "-sOutputFile=-", "/app/page.ps"),
			files: map[string]string{"app/page.ps": "%!PS\n/Helvetica findfont 20 scalefont setfont 72 700 moveto (a printed page) show showpage\n"},
			work:  "gs -q -dNOPAUSE -dBATCH -sDEVICE=txtwrite -sOutputFile=- /app/page.ps; gs -q -dNOPAUSE -dBATCH -sDEVICE=png16m -r30 -sOutputFile=/tmp/o.png /app/page.ps && bb md5sum </tmp/o.png", says: "a printed page",
		},
		{
			name: "imagemagick", packages: "imagemagick", config: cmd("/app/run"),
			files: map[string]string{"app/run": "#!/bin/sh\nconvert -size 20x10 gradient:red-blue /tmp/o.png && convert /tmp/o.png -resize 50% /tmp/o.jpg && identify -format '%m %w %h\\n' /tmp/o.png /tmp/o.jpg\nconvert /tmp/o.png -depth 8 rgb:- | cksum\n"},
			work:  "/app/run", says: "JPEG 10 5",
		},
		{
			name: "sox", clients: "/usr/bin/soxi", packages: "sox libsox-fmt-mp3 libsox-fmt-base", config: cmd("sox", "-n", "/tmp/x.mp3", "synth", "0.1", "sine", "440"),
			work: "sox -n /tmp/x.wav synth 0.1 sine 440 && sox /tmp/x.wav /tmp/x.flac && soxi -e /tmp/x.flac; sox /tmp/x.wav /tmp/x.mp3 && soxi -t /tmp/x.mp3", says: "FLAC",
		},
		{
			name: "fd", packages: "fd-find", config: cmd("/app/run"),
			files: map[string]string{"app/run": "#!/bin/sh\ncd /app && fdfind --no-ignore -e txt -x sed s/found/FOUND/ {}\n", "app/data/a.txt": "found by fd\n"},
			work:  "/app/run", says: "FOUND by fd",
		},
		{
			name: "graphviz", packages: "graphviz fonts-dejavu-core", config: cmd("dot", "-Tsvg", "/app/g.dot"),
			files: map[string]string{"app/g.dot": "digraph { a -> b [label=\"drawn\"] }\n"},
			work:  "dot -Tsvg /app/g.dot | bb grep -o drawn; dot -Tpng /app/g.dot | bb md5sum; neato -Tplain /app/g.dot | bb head -n 1 | bb cut -c1-5", says: "drawn",
		},
		{
			name: "groff", packages: "groff", config: cmd("groff", "-man", "-Tutf8", "/app/page.1"),
			files: map[string]string{"app/page.1": ".TH PAGE 1\n.SH NAME\npage \\- set in type\n.TS\na b.\n1 2\n.TE\n"},
			work:  "groff -t -man -Tutf8 /app/page.1 | bb grep -o 'set in type'; groff -man -Tps /app/page.1 | bb grep -c showpage; groff -man -Thtml /app/page.1 2>/dev/null | bb grep -c '<p'", says: "set in type",
		},
		{
			name: "pandoc", packages: "pandoc", config: cmd("pandoc", "-s", "/app/page.md"),
			files: map[string]string{"app/page.md": "# Title\n\nA *page*, $x^2$\n"},
			work:  "pandoc -s -t html5 --metadata title=t /app/page.md | bb grep -o '<em>page</em>'; pandoc -o /tmp/x.docx /app/page.md && bb unzip -l /tmp/x.docx | bb grep -c xml", says: "<em>page</em>",
		},
		{
			name: "poppler", packages: "poppler-utils librsvg2-bin fonts-dejavu-core", config: cmd("/app/run"),
			files: map[string]string{"app/run": "#!/bin/sh\nrsvg-convert -f pdf -o /tmp/x.pdf /app/x.svg && pdftotext /tmp/x.pdf - && pdftoppm -r 20 -png /tmp/x.pdf /tmp/p && ls /tmp/p*\n", "app/x.svg": "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='50'><text x='5' y='20' font-family='DejaVu Sans'>vector text</text></svg>\n"},
			work:  "HOME=/tmp /app/run", says: "vector text",
		},
		{
			name: "tesseract", packages: "tesseract-ocr imagemagick fonts-dejavu-core", config: cmd("/app/run"),
			files: map[string]string{"app/run": "#!/bin/sh\nconvert -background white -fill black -font DejaVu-Sans -pointsize 40 label:RECOGNIZED /tmp/x.png && tesseract /tmp/x.png - 2>/dev/null\n"},
			work:  "OMP_THREAD_LIMIT=1 /app/run", says: "RECOGNIZED",
		},
		{
			name: "gnuplot", packages: "gnuplot-nox fonts-dejavu-core", config: cmd("gnuplot", "/app/plot.gp"),
			files: map[string]string{"app/plot.gp": "set terminal svg\nset output '/tmp/x.svg'\nload '/app/colors.gp'\nplot sin(x) title 'a sine'\n", "app/colors.gp": "set style line 1 lc rgb 'red'\n"},
			work:  "gnuplot /app/plot.gp; bb grep -o 'a sine' /tmp/x.svg | bb head -n 1; echo 'set terminal dumb; plot x' | gnuplot | bb md5sum", says: "a sine",
		},
		{
			name: "locale", packages: "locales gettext-base", config: image.Config{Cmd: []string{"/app/run"}, Env: []string{"LANG=de_DE.UTF-8"}},
			setup: "localedef -i de_DE -f UTF-8 de_DE.UTF-8; localedef -i de_DE -f ISO-8859-1 de_DE",
			files: map[string]string{"app/run": "#!/bin/bash\ndate -u -d @0 +%A\nprintf 'Z\\nä\\nb\\n' | sort | paste -sd,\nprintf 'grün' | iconv -f utf-8 -t utf-16le | od -An -tx1\nLC_ALL=de_DE printf '%s\\n' 1\nTEXTDOMAINDIR=/app/locale NAME=x envsubst </app/form.txt\nTZ=Europe/Berlin date -d @0 +%R\n", "app/form.txt": "form of $NAME\n"},
			work:  "LANG=de_DE.UTF-8 /app/run", says: "Donnerstag",
		},
		{
			name: "magic", packages: "file libmagic1 python3-magic", config: cmd("python3", "/app/main.py"),
			files: map[string]string{"app/main.py": "import magic, mimetypes\nprint(magic.from_file('/bin/sh').split(',')[0].split(' ')[0], magic.from_buffer(b'%PDF-1.4', mime=True), mimetypes.guess_type('x.epub')[0])\n"},
			work:  "python3 /app/main.py", says: "application/pdf",
		},
		{
			name: "musl-static", bare: true, needs: "musl-gcc", config: cmd("/app"),
			made: "cat >a.c <<'E'\n#include <stdio.h>\n#include <pwd.h>\n#include <time.h>\n#include <unistd.h>\nint main(void) { struct passwd *p = getpwuid(1000); time_t t = 0; char b[99]; strftime(b, 99, \"%H\", localtime(&t)); FILE *f = fopen(\"/etc/app/app.conf\", \"r\"); char l[99] = \"\"; if (f) fgets(l, 99, f); printf(\"%s %s %s\", p ? p->pw_name : \"?\", b, l); return 0; }\nE\nmusl-gcc -static -Os -o app a.c && rm a.c; mkdir -p etc/app; echo 'a static setting' >etc/app/app.conf; echo 'guest:x:1000:1000::/:/none' >etc/passwd; mkdir -p usr/share/unused; head -c 3000000 /dev/urandom >usr/share/unused/ballast",
			work: "/app", says: "a static setting",
		},
		{
			name: "musl-dynamic", packages: "musl", needs: "musl-gcc", config: cmd("/opt/app/main"),
			made: "mkdir -p opt/app/plugins && cat >a.c <<'E'\n#include <dlfcn.h>\n#include <stdio.h>\nint main(void) { char p[99]; snprintf(p, 99, \"/opt/app/plugins/%s.so\", \"one\"); void *h = dlopen(p, RTLD_NOW); const char *(*f)(void) = h ? (const char *(*)(void))dlsym(h, \"hi\") : 0; puts(f ? f() : dlerror()); return 0; }\nE\necho 'const char *hi(void) { return \"a plugin of musl\"; }' >p.c; musl-gcc -o opt/app/main a.c && musl-gcc -shared -fPIC -o opt/app/plugins/one.so p.c && rm a.c p.c",
			work: "/opt/app/main", says: "a plugin of musl",
		},
		{
			name: "glibc-static", packages: "libnss-extrausers", needs: "gcc", config: cmd("/opt/app"),
			setup: "mkdir -p /var/lib/extrausers; echo 'extra:x:4242:4242::/:/bin/sh' >/var/lib/extrausers/passwd; sed -i 's/^passwd:.*/passwd: files extrausers/' /etc/nsswitch.conf",
			made:  "mkdir -p opt && cat >a.c <<'E'\n#include <pwd.h>\n#include <stdio.h>\n#include <iconv.h>\nint main(void) { struct passwd *p = getpwuid(4242); iconv_t c = iconv_open(\"UTF-8\", \"ISO-8859-15\"); printf(\"user %s, iconv %s\\n\", p ? p->pw_name : \"?\", c == (iconv_t)-1 ? \"no\" : \"yes\"); return 0; }\nE\ngcc -static -w -o opt/app a.c 2>/dev/null && rm a.c",
			work:  "/opt/app", says: "iconv",
		},
		{
			name: "glibc-plugins", needs: "gcc", config: cmd("/opt/app/bin/main"),
			made: "mkdir -p opt/app/bin opt/app/lib && cat >a.c <<'E'\n#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <spawn.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <sys/wait.h>\n#include <unistd.h>\nint base(void);\nint main(void) { void *h = dlopen(\"libextra.so.1\", RTLD_NOW); int (*f)(void) = h ? (int (*)(void))dlsym(h, \"extra\") : 0; printf(\"%d\\n\", base() + (f ? f() : 0)); fflush(stdout); char *argv[] = {\"rev\", 0}; FILE *p = popen(\"rev\", \"w\"); fputs(\"denalp\", p); pclose(p); return 0; }\nE\necho 'int base(void) { return 40; }' >b.c; echo 'int extra(void) { return 2; }' >e.c; gcc -shared -fPIC -Wl,-soname,libbase.so.1 -o opt/app/lib/libbase.so.1 b.c; gcc -shared -fPIC -Wl,-soname,libextra.so.1 -o opt/app/lib/libextra.so.1 e.c; gcc -o opt/app/bin/main a.c opt/app/lib/libbase.so.1 -Wl,-rpath,'$ORIGIN/../lib' && rm a.c b.c e.c",
			work: "/opt/app/bin/main", says: "planed",
		},
		{
			name: "go-server", packages: "tzdata media-types netbase", needs: "go", config: image.Config{Entrypoint: []string{"/usr/local/bin/server"}, User: "nobody"},
			made: "mkdir -p s usr/local/bin srv/templates && cat >s/main.go <<'E'\npackage main\n\nimport (\n\t\"crypto/x509\"\n\t\"fmt\"\n\t\"html/template\"\n\t\"mime\"\n\t\"net\"\n\t\"net/http\"\n\t\"os/exec\"\n\t\"os/user\"\n\t\"path/filepath\"\n\t\"time\"\n)\n\nfunc main() {\n\thttp.HandleFunc(\"/\", func(w http.ResponseWriter, r *http.Request) {\n\t\t_, err := x509.SystemCertPool()\n\t\tzone, _ := time.LoadLocation(\"Asia/Tokyo\")\n\t\tu, _ := user.Lookup(\"nobody\")\n\t\tport, _ := net.LookupPort(\"tcp\", \"imaps\")\n\t\tout, _ := exec.Command(\"uname\", \"-s\").Output()\n\t\tfmt.Fprintln(w, err, zone, u.Name, port, mime.TypeByExtension(\".epub\"), string(out))\n\t\ttemplate.Must(template.ParseGlob(filepath.Join(\"/srv\", \"templates\", \"*.html\"))).ExecuteTemplate(w, \"page.html\", \"filled in\")\n\t})\n\tpanic(http.ListenAndServe(\"127.0.0.1:8080\", nil))\n}\nE\necho '<p>{{.}}</p>' >srv/templates/page.html; (cd s; CGO_ENABLED=0 go build -o ../usr/local/bin/server main.go); rm -r s",
			work: "/usr/local/bin/server &\nawait 8080\nget 8080/", says: "filled in",
		},
		{
			name: "go-bare", bare: true, needs: "go", config: image.Config{Entrypoint: []string{"/server"}},
			made: "mkdir s && printf 'package main\\n\\nimport (\\n\\t\"fmt\"\\n\\t\"os\"\\n)\\n\\nfunc main() {\\n\\tb, err := os.ReadFile(os.Getenv(\"DIR\") + \"/etc/server/\" + \"name.txt\")\\n\\tfmt.Println(string(b), err)\\n}\\n' >s/main.go; (cd s; CGO_ENABLED=0 go build -o ../server main.go); rm -r s; mkdir -p etc/server usr/share; echo 'bare but named' >etc/server/name.txt; head -c 3000000 /dev/urandom >usr/share/ballast",
			work: "/server", says: "bare but named",
		},
	}
}
