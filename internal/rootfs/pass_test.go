package rootfs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/image"
)

func TestPassVerifiesWhatItReads(t *testing.T) {
	content := tarOf(t, layerItems(file("a", strings.Repeat("some text ", 5000)), file("b", "2")))
	good := stored(t, content, "gzip")
	bytesOf := func(l image.Layer) []byte {
		r, _ := l.Open()
		b, _ := io.ReadAll(r)
		return b
	}
	with := func(change func(l *image.Layer, b []byte) []byte, how string) image.Layer {
		l := stored(t, content, how)
		b := change(&l, bytes.Clone(bytesOf(l)))
		l.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
		return l
	}
	flip := func(_ *image.Layer, b []byte) []byte { b[len(b)/2] ^= 4; return b }
	cut := func(_ *image.Layer, b []byte) []byte { return b[:len(b)/2] }
	flipUnsigned := func(l *image.Layer, b []byte) []byte { l.Digest = ""; b[len(b)/2] ^= 4; return b }
	cutUnsigned := func(l *image.Layer, b []byte) []byte { l.Digest, l.Size = "", -1; return b[:len(b)/2] }
	tests := []struct {
		name  string
		layer image.Layer
		want  string
	}{
		{"as it should be", good, ""},
		{"gzip, a bit flipped", with(flip, "gzip"), "digest mismatch: the archive is damaged or altered"},
		{"zstd, a bit flipped", with(flip, "zstd"), "digest mismatch: the archive is damaged or altered"},
		{"plain, a bit flipped", with(flip, "plain"), "digest mismatch: the archive is damaged or altered"},
		{"gzip, truncated", with(cut, "gzip"), "truncated: "},
		{"zstd, truncated", with(cut, "zstd"), "truncated: "},
		{"plain, truncated", with(cut, "plain"), "truncated: "},
		{"gzip without a digest, a bit flipped", with(flipUnsigned, "gzip"), "damaged: "},
		{"plain without a digest, a bit flipped", with(flipUnsigned, "plain"), "diffID mismatch"},
		{"gzip without digest and size, truncated", with(cutUnsigned, "gzip"), "truncated"},
		{"zstd without digest and size, truncated", with(cutUnsigned, "zstd"), "truncated"},
		{"plain without digest and size, truncated", with(cutUnsigned, "plain"), "diffID mismatch"},
		{"another tar than promised, of bytes that are", with(func(l *image.Layer, b []byte) []byte { l.DiffID = digestOf(nil); return b }, "gzip"), ""},
		{"another tar than promised", with(func(l *image.Layer, b []byte) []byte { l.DiffID, l.Digest = digestOf(nil), ""; return b }, "gzip"), "diffID mismatch"},
		{"longer than promised", with(func(l *image.Layer, b []byte) []byte { return append(b, b...) }, "gzip"), "longer than the"},
		{"no layer at all", layerOf([]byte(strings.Repeat("not a tar ", 100)), digestOf([]byte(strings.Repeat("not a tar ", 100)))), "invalid tar header"},
		{"xz", layerOf([]byte("\xfd7zXZ\x00........................"), good.DiffID), "compressed with xz"},
		{"a strange digest", func() image.Layer { l := good; l.Digest = "md5:0123"; return l }(), "only sha256 and sha512"},
		{"missing", image.Layer{DiffID: good.DiffID, Open: func() (io.ReadCloser, error) { return nil, errors.New("blob is missing") }}, "blob is missing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := Pass(context.Background(), test.layer, []Visitor{contents}, Limits{}, nil)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want == "":
				if f.Entries() != 3 || f.Expanded != int64(len(content)) || f.Unverified {
					t.Errorf("%d entries, %d bytes, unverified %t", f.Entries(), f.Expanded, f.Unverified)
				}
			case err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "layer "):
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestPassHashesWhatFollowsTheTar(t *testing.T) {
	content := append(tarOf(t, layerItems(file("a", "1"))), bytes.Repeat([]byte("junk"), 100_000)...)
	for _, how := range []string{"gzip", "zstd", "plain"} {
		if f := passOf(t, stored(t, content, how)); f.Entries() != 2 || f.Expanded != int64(len(content)) {
			t.Errorf("%s: %d entries, %d bytes", how, f.Entries(), f.Expanded)
		}
	}
}

// A local layer is a plain tar in a file that nothing but itself answers for.
func local(t testing.TB, content []byte, key string) image.Layer {
	l := stored(t, content, "plain")
	l.Local, l.Key, l.Digest = true, key, ""
	l.Open = func() (io.ReadCloser, error) {
		return &watched{SectionReader: io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content)))}, nil
	}
	return l
}

// watched is a file that notes how much is read of it.
type watched struct {
	*io.SectionReader
	read *atomic.Int64
}

func (w *watched) Close() error { return nil }

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.SectionReader.ReadAt(p, off)
	if w.read != nil {
		w.read.Add(int64(n))
	}
	return n, err
}

// What is stored plain in a file is read in the places that somebody wants, and
// gives the same facts as when all of it is read.
func TestPassReadsOfALocalFileWhatIsWanted(t *testing.T) {
	large, larger := strings.Repeat("large", 500_000), strings.Repeat("larger", 500_000)
	content := tarOf(t, layerItems(dir("etc"), file("etc/a", "1"), file("large", large), file("larger", larger),
		hard("second", "larger"), file(strings.Repeat("long/", 50)+"name", "2"), link("l", "etc/a"), file("odd", large[:70_001]), file("z", "3")))
	visitors := []Visitor{someOf("some", 1, func(h *Header) bool { return h.Size < 10 || h.Path == "odd" || h.Path == "second" })}
	whole := passOf(t, stored(t, content, "plain"), visitors...)
	layer := local(t, content, "")
	var read atomic.Int64
	layer.Open = func() (io.ReadCloser, error) {
		return &watched{io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content))), &read}, nil
	}
	var told atomic.Int64
	f, err := Pass(context.Background(), layer, visitors, Limits{}, func(n int64) { told.Add(n) })
	if err != nil {
		t.Fatal(err)
	}
	if !f.Unverified || whole.Unverified {
		t.Error("which one was compared with a digest is not said")
	}
	if n := read.Load(); n > int64(len(content))*7/10 { // of larger, its second name wants the body
		t.Errorf("%d of %d bytes read", n, len(content))
	}
	if told.Load() != int64(len(content)) {
		t.Errorf("progress of %d bytes in %d", told.Load(), len(content))
	}
	a, b := Stack([]*Facts{whole}, []image.Layer{layer}), Stack([]*Facts{f}, []image.Layer{layer})
	if diff := cmp.Diff(describeTree(t, a), describeTree(t, b)); diff != "" {
		t.Error(diff)
	}
	for n := 0; n < len(content); n += 511 + len(content)/60 {
		cut := local(t, content[:n], "")
		cut.Size, cut.DiffID = -1, ""
		short, err := Pass(context.Background(), cut, visitors, Limits{}, nil)
		all, wantErr := Pass(context.Background(), layerOf(content[:n], ""), visitors, Limits{}, nil)
		if (err == nil) != (wantErr == nil) || err == nil && short.Entries() != all.Entries() {
			t.Fatalf("cut at %d: %v; read whole: %v", n, err, wantErr)
		}
	}
}

// VerifyDiffIDs compares what is otherwise taken as it is.
func TestPassVerifiesDiffIDsWhenAsked(t *testing.T) {
	content := tarOf(t, layerItems(file("a", "1")))
	wrong := local(t, content, "file")
	wrong.DiffID = digestOf(nil)
	compressed := stored(t, content, "gzip")
	compressed.DiffID = digestOf(nil)
	for what, l := range map[string]image.Layer{"a local file": wrong, "compressed": compressed} {
		if _, err := Pass(context.Background(), l, nil, Limits{}, nil); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := Pass(context.Background(), l, nil, Limits{VerifyDiffIDs: true}, nil); err == nil || !strings.Contains(err.Error(), "diffID mismatch") {
			t.Errorf("%s, verified: %v", what, err)
		}
	}
	named := wrong
	named.Digest = wrong.DiffID
	if _, err := Pass(context.Background(), named, nil, Limits{VerifyDiffIDs: true}, nil); err == nil || !strings.Contains(err.Error(), "digest mismatch") {
		t.Errorf("a local file with a digest: %v", err)
	}
}

func TestPassTellsProgress(t *testing.T) {
	var seen atomic.Int64
	l := stored(t, tarOf(t, layerItems(file("a", strings.Repeat("x", 1<<20)))), "plain")
	if _, err := Pass(context.Background(), l, nil, Limits{}, func(n int64) { seen.Add(n) }); err != nil {
		t.Fatal(err)
	}
	if seen.Load() != l.Size {
		t.Errorf("%d of %d bytes", seen.Load(), l.Size)
	}
}

// endless is a stream of the same bytes.
type endless struct{ piece []byte }

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], e.piece)
	}
	return n, nil
}

func TestPassStopsAtItsLimits(t *testing.T) {
	bomb := func(how string) image.Layer {
		return image.Layer{DiffID: digestOf(nil), Size: -1, Open: func() (io.ReadCloser, error) {
			// A header of an enormous file, then zeros without end, made while they are read.
			var head bytes.Buffer
			w := tar.NewWriter(&head)
			w.WriteHeader(&tar.Header{Name: "zeros", Size: 1 << 50, Mode: 0o644, Format: tar.FormatGNU})
			src := io.MultiReader(&head, endless{make([]byte, 4096)})
			if how == "plain" {
				return io.NopCloser(src), nil
			}
			r, w2 := io.Pipe()
			go func() {
				var z io.WriteCloser
				if how == "gzip" {
					z, _ = gzip.NewWriterLevel(w2, gzip.BestSpeed)
				} else {
					z, _ = zstd.NewWriter(w2, zstd.WithEncoderConcurrency(1))
				}
				_, err := io.Copy(z, src)
				w2.CloseWithError(err)
			}()
			return r, nil
		}}
	}
	one := tarOf(t, layerItems(file("f", "")))[:512]
	entries := image.Layer{DiffID: digestOf(nil), Size: -1, Open: func() (io.ReadCloser, error) { return io.NopCloser(endless{one}), nil }}
	tests := []struct {
		name  string
		layer image.Layer
		lim   Limits
		want  string
	}{
		{"gzip without end", bomb("gzip"), Limits{LayerBytes: 4 << 20}, "expands beyond 4194304 bytes: raise --max-layer-bytes"},
		{"zstd without end", bomb("zstd"), Limits{LayerBytes: 4 << 20}, "expands beyond 4194304 bytes: raise --max-layer-bytes"},
		{"plain without end", bomb("plain"), Limits{LayerBytes: 4 << 20}, "expands beyond 4194304 bytes: raise --max-layer-bytes"},
		{"entries without end", entries, Limits{LayerEntries: 5000}, "more than 5000 entries: raise --max-layer-entries"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			_, err := Pass(context.Background(), test.layer, []Visitor{contents}, test.lim, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			waitForGoroutines(t, before)
		})
	}
}

// Layers that share a total are held to it together, implied directories and
// all, before any of them has come to its end.
func TestPassCountsEntriesOfAllLayers(t *testing.T) {
	var total Spent
	lim := Limits{LayerEntries: 5, Spent: &total}
	one := stored(t, tarOf(t, layerItems(file("a/b/c", "x"), file("a/b/d", "x"))), "plain")
	if _, err := Pass(context.Background(), one, nil, lim, nil); err != nil || total.Entries.Load() != 4 {
		t.Fatalf("%v, %d entries", err, total.Entries.Load())
	}
	head := tarOf(t, layerItems(file("f", "")))[:tarBlock]
	without := image.Layer{Size: -1, Open: func() (io.ReadCloser, error) { return io.NopCloser(endless{head}), nil }}
	if _, err := Pass(context.Background(), without, nil, lim, nil); err == nil || !strings.Contains(err.Error(), "the layers have more than 5 entries: raise --max-layer-entries") {
		t.Errorf("%v", err)
	}
}

// waitForGoroutines fails if there are more than before, once the test's own
// writers had time to see their pipes closed.
func waitForGoroutines(t *testing.T, before int) {
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestPassRefusesGiantZstdWindows(t *testing.T) {
	// A frame header (RFC 8878, 3.1.1.1) whose window descriptor asks for 2 GiB.
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3, 0x01, 0x00, 0x00}
	_, err := Pass(context.Background(), layerOf(frame, digestOf(nil)), nil, Limits{}, nil)
	if err == nil || !strings.Contains(err.Error(), "damaged: window size exceeded") {
		t.Errorf("%v", err)
	}
}

func TestPassEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	before := runtime.NumGoroutine()
	r, w := io.Pipe() // nobody writes
	defer w.Close()
	layer := image.Layer{DiffID: digestOf(nil), Size: -1, Open: func() (io.ReadCloser, error) { return r, nil }}
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := Pass(ctx, layer, nil, Limits{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	waitForGoroutines(t, before)
}

func TestWarningsOfSingleEntries(t *testing.T) {
	boom := Visitor{
		Name: "boom", Version: 1,
		Want: func(h *Header, head []byte) bool { return strings.HasPrefix(h.Path, "boom") && head[3] == 'm' },
		Visit: func(_ *Header, body Body) ([]byte, error) {
			b, err := body.Bytes(10)
			if err != nil {
				return nil, err
			}
			return b[:b[0]], nil // out of range
		},
	}
	deep := strings.Repeat("d/", 20) + "f"
	content := tarOf(t, layerItems(
		file("boom", "boom"), file("boom2", "b"), file("boom3", "boomboomboomboom"), file("big", strings.Repeat("b", 5000)),
		file(deep, "1"), file(strings.Repeat("n", 90), "1"), link("l", strings.Repeat("n", 90)), dir("x"), hard("h", "x"),
		file(".wh.", ""), file("x/.wh...", ""), file("../up", "1"), link("/", "x"), file("esc\x1b[31m", "1"),
	))
	f, err := Pass(context.Background(), stored(t, content, "gzip"), []Visitor{boom, contents}, Limits{PathBytes: 80, PathDepth: 10, FileBytes: 4000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Warning{
		{Path: "boom", Kind: kindUnreadable, Message: "boom: gave up on it: runtime error: slice bounds out of range [:98] with capacity 4", Incomplete: true},
		{Path: "boom2", Kind: kindUnreadable, Message: "boom: gave up on it: runtime error: index out of range [3] with length 1", Incomplete: true},
		{Path: "boom3", Kind: kindUnreadable, Message: "boom: 16 bytes, more than the 10 expected", Incomplete: true},
		{Path: "big", Kind: kindTooLarge, Message: "5000 bytes, more than the 4000 that are looked at: raise --max-file-bytes", Incomplete: true},
		{Path: "", Kind: kindTooLarge, Message: `path "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/f" is 21 levels deep, more than 10, entry skipped: raise --max-path-depth`, Incomplete: true},
		{Path: "", Kind: kindTooLarge, Message: `path "` + strings.Repeat("n", 80) + `"… (90 bytes) is longer than 80 bytes, entry skipped: raise --max-path-bytes`, Incomplete: true},
		{Path: "l", Kind: kindTooLarge, Message: "link target of 90 bytes, entry skipped: raise --max-path-bytes", Incomplete: true},
		{Path: ".wh.", Kind: kindBadEntry, Message: "whiteout without a name, skipped", Incomplete: false},
		{Path: "x/.wh...", Kind: kindBadEntry, Message: "whiteout without a name, skipped", Incomplete: false},
		{Path: "up", Kind: kindBadEntry, Message: `its name "../up" leads out of the image; taken as it would be unpacked, inside`, Incomplete: false},
		{Path: "", Kind: kindBadEntry, Message: `tar entry "/" would replace the root directory, skipped`, Incomplete: false},
		{Path: "h", Kind: kindBadEntry, Message: `hard link to directory "x", entry skipped`, Incomplete: false},
	}
	if diff := cmp.Diff(want, f.Warnings); diff != "" {
		t.Error(diff)
	}
	if _, ok := f.find("esc\x1b[31m"); !ok {
		t.Error("a name with control characters is gone")
	}
}

func TestWarningsAreBounded(t *testing.T) {
	var items []item
	for range maxWarnings + 50 {
		items = append(items, file("../x", ""))
	}
	f := passOf(t, stored(t, tarOf(t, items), "plain"))
	if n := len(f.Warnings); n != maxWarnings+1 || !strings.HasPrefix(f.Warnings[n-1].Message, "50 more warnings") {
		t.Errorf("%d warnings, last %+v", n, f.Warnings[n-1])
	}
}

func TestLargeBodiesGoThroughAFile(t *testing.T) {
	tmp := t.TempDir()
	body := strings.Repeat("0123456789abcdef", 40_000)
	look := Visitor{
		Name: "look", Version: 1,
		Want: func(*Header, []byte) bool { return true },
		Visit: func(h *Header, b Body) ([]byte, error) {
			p := make([]byte, 6)
			if _, err := b.ReadAt(p, b.Size()-6); err != nil {
				return nil, err
			}
			if _, err := b.ReadAt(p, b.Size()-5); err != io.EOF {
				t.Errorf("%s: read past the end: %v", h.Path, err)
			}
			if _, err := b.Bytes(b.Size() - 1); err == nil {
				t.Errorf("%s: more bytes than allowed", h.Path)
			}
			all, err := b.Bytes(b.Size())
			return all[len(all)-6:], err
		},
	}
	content := tarOf(t, layerItems(file("large", body+"AAAAAA"), file("small", "BBBBBB"), file("larger", body+body+"CCCCCC"), file("less", body[:70_000]+"DDDDDD")))
	f, err := Pass(context.Background(), stored(t, content, "gzip"), []Visitor{look}, Limits{MemoryBytes: 1000, TempDir: tmp}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for fact := range Stack([]*Facts{f}, nil).Facts("look") {
		got[fact.Path] = string(fact.Data)
	}
	want := map[string]string{"large": "AAAAAA", "larger": "CCCCCC", "less": "DDDDDD", "small": "BBBBBB"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	f, err = Pass(context.Background(), stored(t, content, "gzip"), []Visitor{look}, Limits{MemoryBytes: 1000, TempDir: tmp + "/gone"}, nil)
	if err != nil || len(f.Warnings) != 3 || !strings.HasPrefix(f.Warnings[0].Message, "temporary file: ") {
		t.Fatalf("without a place for temporary files: %v, %+v", err, f.Warnings)
	}
	cache := OpenCache(t.TempDir())
	if err := cache.Put(f, stored(t, content, "gzip"), nil, Limits{}); err != nil {
		t.Error(err)
	}
	if _, ok := cache.Get(stored(t, content, "gzip"), nil, Limits{}); ok {
		t.Error("a fault of this machine was kept for other scans")
	}
}

func TestSparseFiles(t *testing.T) {
	// An old GNU sparse entry: "head" at 0, "tail" at 1,000,000, made by hand
	// because archive/tar does not write them.
	h := make([]byte, 512)
	copy(h, "sparse")
	octal := func(at, n int, v int64) {
		for i := n - 2; i >= 0; i-- {
			h[at+i] = '0' + byte(v&7)
			v >>= 3
		}
	}
	octal(100, 8, 0o644)
	octal(108, 8, 0)
	octal(116, 8, 0)
	octal(124, 12, 8)
	octal(136, 12, 0)
	h[156] = 'S'
	copy(h[257:], "ustar  \x00")
	octal(386, 12, 0)
	octal(398, 12, 4)
	octal(410, 12, 1_000_000)
	octal(422, 12, 4)
	octal(483, 12, 1_000_004)
	copy(h[148:], "        ")
	sum := int64(0)
	for _, b := range h {
		sum += int64(b)
	}
	octal(148, 7, sum)
	h[154], h[155] = 0, ' '
	body := make([]byte, 512)
	copy(body, "headtail")
	content := append(append(h, body...), tarOf(t, layerItems(file("after", "1")))...)
	for _, how := range []string{"gzip", "zstd", "plain"} {
		layer := stored(t, content, how)
		tree := Stack([]*Facts{passOf(t, layer)}, []image.Layer{layer})
		b, err := tree.ReadFile("sparse")
		if err != nil || len(b) != 1_000_004 || string(b[:4]) != "head" || string(b[1_000_000:]) != "tail" {
			t.Errorf("%s: %d bytes, %v", how, len(b), err)
		}
		if b, err := tree.ReadFile("after"); err != nil || string(b) != "1" {
			t.Errorf("%s: after it %q, %v", how, b, err)
		}
	}
}

// What visitors expand files to is paid for before it is done, by all layers
// together; what costs more than there is, or takes longer, ends the pass.
func TestPassChargesWhatFilesExpandTo(t *testing.T) {
	expand := Visitor{
		Name: "expand", Version: 1,
		Want: func(h *Header, _ []byte) bool { return h.Mode.IsRegular() },
		Visit: func(_ *Header, body Body) ([]byte, error) {
			if err := body.Charge(40); err != nil {
				return nil, err
			}
			return nil, errors.New("is damaged") // paid for all the same
		},
	}
	layer := func(name string) image.Layer {
		return stored(t, tarOf(t, layerItems(file(name, "1"), file(name+"2", "1"))), "gzip")
	}
	lim := Limits{UnpackBytes: 150, Spent: new(Spent)}
	if _, err := Pass(context.Background(), layer("a"), []Visitor{expand}, lim, nil); err != nil {
		t.Fatal(err)
	}
	_, err := Pass(context.Background(), layer("b"), []Visitor{expand}, lim, nil)
	if err == nil || !strings.Contains(err.Error(), "b2: the files in it expand beyond 150 bytes together: raise --max-unpack-bytes") {
		t.Errorf("%v after %d bytes", err, lim.Spent.Unpacked.Load())
	}
	ctx, cancel := context.WithCancel(context.Background())
	patient := expand
	patient.Visit = func(_ *Header, body Body) ([]byte, error) {
		cancel()
		for {
			if err := body.Charge(0); err != nil {
				return nil, err
			}
		}
	}
	if _, err := Pass(ctx, layer("c"), []Visitor{patient}, Limits{}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Once a quota is used up, its visitors are shown no more of the layer; what they found
// before is the same however the pass happens to run, and the warning makes the result
// incomplete. Another limit asks the cache another question.
func TestPassEndsAVisitorAtItsQuota(t *testing.T) {
	const files, most = 20_000, 100
	var visits atomic.Int64
	quota := &Quota{Most: most, Count: func(fact []byte) int { return len(fact) }, What: "more than 100 of them"}
	counting := func(name string, quota *Quota) Visitor {
		return Visitor{Name: name, Version: 1, Quota: quota, Want: func(h *Header, _ []byte) bool { return true }, Visit: func(*Header, Body) ([]byte, error) {
			if quota != nil {
				visits.Add(1)
			}
			return []byte("xx"), nil
		}}
	}
	visitors := []Visitor{counting("a", quota), counting("b", quota), counting("free", nil)}
	var items []item
	for i := range files {
		items = append(items, file(fmt.Sprintf("f%05d", i), "x"))
	}
	layer := stored(t, tarOf(t, items), "gzip")
	for range 3 {
		visits.Store(0)
		f, err := Pass(t.Context(), layer, visitors, Limits{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := visits.Load(); n > 2*(batchesOut+2)*batchFiles {
			t.Errorf("%d visits of %d", n, 2*files)
		}
		tree := Stack([]*Facts{f}, []image.Layer{layer})
		for name, want := range map[string]int{"a": most / 4, "b": most / 4, "free": files} {
			got := 0
			for range tree.Facts(name) {
				got++
			}
			if got != want {
				t.Errorf("%d facts of %s, want %d", got, name, want)
			}
		}
		if w := f.Warnings; len(w) != 1 || !w[0].Incomplete || w[0].Path != "f00025" || !strings.Contains(w[0].Message, "more than 100 of them; the rest is not read") {
			t.Errorf("%+v", w)
		}
		tree.Close()
	}
	other := *quota
	other.Most++
	if cacheKey(layer, visitors, Limits{}) == cacheKey(layer, []Visitor{counting("a", &other), counting("b", &other), counting("free", nil)}, Limits{}) {
		t.Error("a larger quota would be answered from the cache of a smaller one")
	}
}

// What the files of all layers say is bounded together.
func TestPassCountsFactsOfAllLayers(t *testing.T) {
	lim := Limits{Spent: new(Spent)}
	lim.Spent.Facts.Store(maxFactsBytes - 10)
	_, err := Pass(t.Context(), stored(t, tarOf(t, layerItems(file("a", "12345678"), file("b", "12345678"))), "gzip"), []Visitor{contents}, lim, nil)
	if err == nil || !strings.Contains(err.Error(), "b: what the files of the layers say takes more than") {
		t.Error(err)
	}
}

// TestOverlayAttributes: what a layer tells overlayfs past the specification makes the
// result incomplete; other attributes do not.
func TestOverlayAttributes(t *testing.T) {
	for name, warns := range map[string]bool{
		"trusted.overlay.redirect": true, "trusted.overlay.opaque": true, "trusted.overlay.metacopy": true, "trusted.overlay.whiteout": true,
		"user.overlay.redirect": true, "user.overlay.opaque": true,
		"trusted.overlay.origin": false, "trusted.overlay.impure": false, "user.comment": false, "security.capability": false,
	} {
		var content bytes.Buffer
		w := tar.NewWriter(&content)
		for _, h := range []*tar.Header{{Name: "var/", Typeflag: tar.TypeDir, Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr." + name: "/x"}}, {Name: "a", Mode: 0o644}} {
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := Pass(t.Context(), stored(t, content.Bytes(), "gzip"), nil, Limits{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := len(f.Warnings) == 1 && f.Warnings[0].Incomplete && f.Warnings[0].Path == "var" && strings.Contains(f.Warnings[0].Message, name)
		if got != warns || len(f.Warnings) > 1 {
			t.Errorf("%s: %v", name, f.Warnings)
		}
	}
}
