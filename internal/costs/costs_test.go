package costs

import (
	"testing"
	"time"
)

func TestBeyond(t *testing.T) {
	for _, c := range []struct {
		size   int
		time   time.Duration
		memory uint64
		over   bool
	}{
		{0, BaseTime, BaseMemory, false},
		{0, BaseTime + 1, 0, true},
		{0, 0, BaseMemory + 1, true},
		{1000, BaseTime + 1000*TimePerByte, BaseMemory + 1000*MemoryPerByte, false},
		{1000, 0, BaseMemory + 1000*MemoryPerByte + 1, true},
	} {
		if got := beyond(c.size, c.time, c.memory); (got != "") != c.over {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

var kept []byte

// What a target does is measured.
func TestMeasures(t *testing.T) {
	time, memory := spent(), allocated()
	for range 64 {
		kept = make([]byte, 1<<20)
		for i := range kept {
			kept[i]++
		}
	}
	if got := allocated() - memory; got < 64<<20 {
		t.Errorf("64 MiB allocated, %d measured", got)
	}
	if spent() < time {
		t.Error("time went back")
	}
}

func FuzzNothing(f *testing.F) {
	f.Add([]byte("a"), "b", 1)
	Fuzz(f, func(t *testing.T, data []byte, text string, n int) {
		if len(data)+len(text)+n < 0 && n > 0 {
			t.Error("less than nothing")
		}
	})
}
