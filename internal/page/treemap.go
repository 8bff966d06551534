package page

import (
	"cmp"
	"slices"
)

// Box is a rectangle of a treemap, in units of the picture.
type Box struct{ X, Y, W, H float64 }

// Treemap divides a rectangle among weights, so that areas are as the weights and
// boxes are as square as can be (Bruls, Huizing and van Wijk, "Squarified
// Treemaps", 2000). It returns a box for each weight; those that are not positive
// get none.
func Treemap(weights []float64, within Box) []Box {
	boxes := make([]Box, len(weights))
	var order []int
	total := 0.0
	for i, w := range weights {
		if w > 0 {
			order = append(order, i)
			total += w
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[b], weights[a]) })
	scale := within.W * within.H / max(total, 1e-9)
	for len(order) > 0 && within.W > 0 && within.H > 0 {
		short := min(within.W, within.H)
		n, sum := 1, weights[order[0]]*scale
		for n < len(order) {
			more := sum + weights[order[n]]*scale
			if worst(weights, order[:n], sum, short, scale) < worst(weights, order[:n+1], more, short, scale) {
				break
			}
			sum, n = more, n+1
		}
		within = lay(boxes, weights, order[:n], sum, within, scale)
		order = order[n:]
	}
	return boxes
}

// worst is the least square ratio of the boxes of one row.
func worst(weights []float64, row []int, sum, short, scale float64) float64 {
	most, least := weights[row[0]]*scale, weights[row[len(row)-1]]*scale
	return max(short*short*most/(sum*sum), sum*sum/(short*short*least))
}

// lay sets one row along the shorter side, and returns what is left.
func lay(boxes []Box, weights []float64, row []int, sum float64, within Box, scale float64) Box {
	if within.W >= within.H {
		width, y := sum/within.H, within.Y
		for _, i := range row {
			h := weights[i] * scale / width
			boxes[i] = Box{within.X, y, width, h}
			y += h
		}
		return Box{within.X + width, within.Y, within.W - width, within.H}
	}
	height, x := sum/within.W, within.X
	for _, i := range row {
		w := weights[i] * scale / height
		boxes[i] = Box{x, within.Y, w, height}
		x += w
	}
	return Box{within.X, within.Y + height, within.W, within.H - height}
}
