package report

// Numbers measure an image, or what it would be.
type Numbers struct {
	Vulnerabilities map[string]int `json:"vulnerabilities"` // by severity, without those that are suppressed
	Packages        int            `json:"packages"`
	Bytes           int64          `json:"bytes"` // of visible regular files
}

// Numbers counts what the report lists.
func (r *Report) Numbers() Numbers {
	n := Numbers{Vulnerabilities: map[string]int{}, Packages: len(r.Packages), Bytes: r.Target.Expanded}
	for _, v := range r.Vulnerabilities {
		if v.Suppressed == nil {
			n.Vulnerabilities[v.Severity.String()]++
		}
	}
	return n
}
