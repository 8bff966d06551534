package secret

import (
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
)

// piece is a text of the image's configuration or history, with the place that
// it is.
type piece struct {
	text  string
	path  string // the kind of file that such a text would stand in: rules go by paths
	place finding.SecretPlace
}

// piecesOf returns every text of the configuration and the history that anyone who
// has the image can read.
func piecesOf(img *image.Image) []piece {
	c := &img.Config
	var pieces []piece
	add := func(kind, name, text, path string) {
		place := finding.SecretPlace{Exposure: finding.InConfiguration, Kind: kind, Name: name, Layer: -1}
		place.Instruction = settingInstruction(img, place)
		pieces = append(pieces, piece{text, path, place})
	}
	for _, env := range c.Env {
		name, _, _ := strings.Cut(env, "=")
		add("env", name, env, ".env")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		add("label", name, name+"="+c.Labels[name], ".env")
	}
	add("user", "", c.User, ".env")
	add("workdir", "", c.WorkingDir, ".env")
	for _, dir := range c.Volumes {
		add("volume", "", dir, ".env")
	}
	for _, port := range c.ExposedPorts {
		add("expose", "", port, ".env")
	}
	add("stopsignal", "", c.StopSignal, ".env")
	add("shell", "", strings.Join(c.Shell, " "), "entrypoint.sh")
	add("entrypoint", "", strings.Join(c.Entrypoint, " "), "entrypoint.sh")
	add("cmd", "", strings.Join(c.Cmd, " "), "entrypoint.sh")
	add("healthcheck", "", strings.Join(c.Healthcheck, " "), "entrypoint.sh")
	for _, line := range c.OnBuild {
		add("onbuild", "", line, "Dockerfile")
	}
	past := finding.SecretPlace{Exposure: finding.InHistory, Kind: "history", Layer: -1, Instruction: "MAINTAINER"}
	pieces = append(pieces, piece{c.Author, "Dockerfile", past})
	for _, h := range c.History {
		past.Instruction = h.Instruction()
		pieces = append(pieces, piece{h.CreatedBy, "Dockerfile", past}, piece{h.Comment, "Dockerfile", past})
	}
	return pieces
}

// inConfig returns the secrets of the configuration and the history.
func (all *Rules) inConfig(img *image.Image) []occurrence {
	var found []occurrence
	count := map[finding.SecretPlace]map[string]int{}
	for _, p := range piecesOf(img) {
		text := []byte(p.text)
		for _, m := range all.find(text, p.path, false) {
			place := p.place
			if place.Kind == "history" {
				place.Name = nameBefore(text[:m.start])
			}
			place.Name = all.withoutTokens(place.Name)
			if count[place] == nil {
				count[place] = map[string]int{}
			}
			ordinal := count[place][m.rule.id]
			count[place][m.rule.id]++
			found = append(found, occurrence{seenIn(text, m, 0, true), place, ordinal})
		}
	}
	return found
}

// words are the instructions that write what a place of the configuration
// holds.
var words = map[string]string{
	"env": "ENV", "label": "LABEL", "entrypoint": "ENTRYPOINT", "cmd": "CMD", "healthcheck": "HEALTHCHECK", "onbuild": "ONBUILD",
	"user": "USER", "workdir": "WORKDIR", "volume": "VOLUME", "expose": "EXPOSE", "stopsignal": "STOPSIGNAL", "shell": "SHELL",
}

// settingInstruction is the instruction that put a text into the configuration:
// the last of its kind that names the variable or label.
func settingInstruction(img *image.Image, p finding.SecretPlace) string {
	for _, h := range slices.Backward(img.Config.History) {
		line := h.Instruction()
		if strings.HasPrefix(line, words[p.Kind]+" ") && strings.Contains(line, p.Name) {
			return line
		}
	}
	return ""
}

// nameBefore returns the variable that is being set where a text ends: NAME of
// "|1 NAME=" or of `ENV NAME="`.
func nameBefore(text []byte) string {
	s := strings.TrimRight(string(text), `"'`)
	s, ok := strings.CutSuffix(s, "=")
	if !ok {
		return ""
	}
	start := len(s)
	for start > 0 && isWordByte(s[start-1]) {
		start--
	}
	return s[start:]
}
