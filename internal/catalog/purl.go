package catalog

func npmPURL(name, version string) string { return "pkg:npm/" + name + "@" + version }
