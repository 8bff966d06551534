package queue

import "testing"

func TestRankOf(t *testing.T) {
	for n, want := range map[int]int{0: 0, 9: 0, 10: 1, 99: 1, 100: 2, 999: 2, 1000: 3, 99_999: 3, 1 << 40: 3} {
		if got := RankOf(n); got != want {
			t.Errorf("the job %d has the rank %d, want %d", n, got, want)
		}
	}
}
