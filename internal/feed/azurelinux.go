package feed

import "strings"

// azureOVALReader reads Microsoft's files, one for each release of Azure Linux
// (https://github.com/microsoft/AzureLinuxVulnerabilityData): a definition is
// one CVE of one source package. The id is the one that OSV.dev gives the same
// statement.
func azureOVALReader() ovalReader {
	return ovalReader{
		source: "azurelinux-oval",
		id:     func(d *ovalDefinition) string { return "AZL-" + d.ID[strings.LastIndexByte(d.ID, ':')+1:] },
		ask:    func(string, *ovalPlace) bool { return false },
		ecosystem: func(_ ovalPlace, version string) string {
			// The release stands in the dist tag only: "0:6.6.3-3.azl3", "….cm2".
			_, tag, _ := cutLast(version, ".")
			for _, name := range []string{"azl", "cm"} {
				if release, ok := strings.CutPrefix(tag, name); ok && digits(release) {
					return "Azure Linux:" + release
				}
			}
			return ""
		},
	}
}

// isOVAL tells the files of Microsoft's repository from what else is in it.
func isOVAL(name string) bool { return strings.HasSuffix(name, "-oval.xml") }
